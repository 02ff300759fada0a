// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

enum class IpFamily : std::uint8_t { v4, v6 };

/// IPv4 or IPv6 address in network byte order. Value type, totally ordered.
struct IpAddress {
    IpFamily family = IpFamily::v4;
    std::array<std::uint8_t, 16> bytes{};  ///< The first size() bytes count, the rest is zero.

    /// Accepts exactly what inet_pton(3) accepts; no zone, no brackets, no octal.
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
    [[nodiscard]] std::size_t size() const noexcept { return family == IpFamily::v4 ? 4 : 16; }
    [[nodiscard]] std::uint8_t bits() const noexcept { return family == IpFamily::v4 ? 32 : 128; }
    [[nodiscard]] std::string str() const;
    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

/// Network prefix, or an interface's address with its length (Link::addresses). Only parse() and
/// of() make the host bits zero, which contains() relies on.
struct Prefix {
    IpAddress address;
    std::uint8_t length = 0;  ///< 0..32 or 0..128.

    /// "192.0.2.0/24", or a bare address (full length). Host bits that are set are refused.
    [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);
    /// The prefix of `length` bits that holds `address`; host bits are cleared.
    [[nodiscard]] static Prefix of(IpAddress address, std::uint8_t length);
    [[nodiscard]] bool contains(const IpAddress& other) const noexcept;
    /// Whether every address of `other` is in it.
    [[nodiscard]] bool contains(const Prefix& other) const noexcept;
    /// Without "/32" or "/128" for a single host.
    [[nodiscard]] std::string str() const;
    friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

/// RFC 1918, unique local and link-local space. Shared space of carriers, 100.64.0.0/10, is public:
/// it begins beyond the router.
[[nodiscard]] const std::vector<Prefix>& private_space();
/// Whether all of `prefix` lies in one of private_space().
[[nodiscard]] bool is_private(const Prefix& prefix);

/// fe80::/10, which the kernel itself takes only on its own link.
[[nodiscard]] const Prefix& link_local6();

/// IANA protocol numbers that rules name; any other number is printed as a number.
namespace proto {
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kEsp = 50;
inline constexpr std::uint8_t kIcmpv6 = 58;
[[nodiscard]] std::string name(std::uint8_t number);  ///< nft's word: "udp", "ipv6-icmp", "47".
}  // namespace proto

/// Inclusive range of ports, 1..65535 each, first <= last.
struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;

    [[nodiscard]] bool contains(std::uint16_t port) const noexcept {
        return first <= port && port <= last;
    }
    friend auto operator<=>(const PortRange&, const PortRange&) = default;
};

/// The outside of a tunnel: where the encrypted packets go.
struct Endpoint {
    IpAddress address;
    std::uint8_t protocol = proto::kUdp;  ///< kUdp, kTcp or kEsp.
    std::uint16_t port = 0;               ///< 1..65535; 0 for kEsp, which has no ports.

    /// "203.0.113.7:51820/udp", "[2001:db8::7]:443/tcp", "198.51.100.9/esp".
    [[nodiscard]] std::string str() const;
    friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// The address whose first `length` bits are ones: 255.255.255.0.
[[nodiscard]] IpAddress mask_of(IpFamily family, std::uint8_t length) noexcept;

/// An interface and a network that is reached directly by it.
struct LinkNetwork {
    std::string interface;
    Prefix network;
    friend auto operator<=>(const LinkNetwork&, const LinkNetwork&) = default;
};

}  // namespace ks
