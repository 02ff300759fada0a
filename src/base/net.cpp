// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/net.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include <arpa/inet.h>

namespace ks {

namespace {

int af(IpFamily family) noexcept {
    return family == IpFamily::v4 ? AF_INET : AF_INET6;
}

/// Mask for byte `index` of a prefix of `length` bits.
std::uint8_t mask_byte(std::size_t index, std::uint8_t length) noexcept {
    const auto first_bit = static_cast<int>(index) * 8;
    const int bits = std::clamp(static_cast<int>(length) - first_bit, 0, 8);
    return static_cast<std::uint8_t>(0xff00U >> bits);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string zero_terminated(text);
    if (zero_terminated.find('\0') != std::string::npos) {
        return std::nullopt;  // inet_pton would stop there and call the rest valid.
    }
    IpAddress address;
    address.family = text.find(':') == std::string_view::npos ? IpFamily::v4 : IpFamily::v6;
    if (inet_pton(af(address.family), zero_terminated.c_str(), address.bytes.data()) != 1) {
        return std::nullopt;
    }
    return address;
}

std::string IpAddress::str() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(af(family), bytes.data(), text.data(), text.size());
    return text.data();
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) {
        return std::nullopt;
    }
    std::uint8_t length = address->bits();
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const char* const last = digits.data() + digits.size();
        const auto [end, ec] = std::from_chars(digits.data(), last, length);
        if (ec != std::errc{} || end != last || length > address->bits()) {
            return std::nullopt;
        }
    }
    const Prefix prefix = of(*address, length);
    return prefix.address == *address ? std::optional(prefix) : std::nullopt;
}

Prefix Prefix::of(IpAddress address, std::uint8_t length) {
    for (std::size_t i = 0; i < address.size(); ++i) {
        address.bytes[i] &= mask_byte(i, length);
    }
    return {address, length};
}

bool Prefix::contains(const IpAddress& other) const noexcept {
    return other.family == address.family && of(other, length).address == address;
}

std::string Prefix::str() const {
    return length == address.bits() ? address.str() : fmt::format("{}/{}", address.str(), length);
}

bool Prefix::contains(const Prefix& other) const noexcept {
    return length <= other.length && contains(other.address);
}

const std::vector<Prefix>& private_space() {
    static const std::vector<Prefix> all = [] {
        std::vector<Prefix> prefixes;
        for (const char* const text : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                       "169.254.0.0/16", "fc00::/7", "fe80::/10"}) {
            prefixes.push_back(*Prefix::parse(text));
        }
        return prefixes;
    }();
    return all;
}

bool is_private(const Prefix& prefix) {
    return std::ranges::any_of(private_space(),
                               [&](const Prefix& range) { return range.contains(prefix); });
}

const Prefix& link_local6() {
    static const Prefix all = *Prefix::parse("fe80::/10");
    return all;
}

std::string proto::name(std::uint8_t number) {
    switch (number) {
    case kIcmp:
        return "icmp";
    case kTcp:
        return "tcp";
    case kUdp:
        return "udp";
    case kEsp:
        return "esp";
    case kIcmpv6:
        return "ipv6-icmp";
    default:
        return std::to_string(number);
    }
}

std::string Endpoint::str() const {
    const std::string host =
        address.family == IpFamily::v6 ? fmt::format("[{}]", address.str()) : address.str();
    return port == 0 ? fmt::format("{}/{}", host, proto::name(protocol))
                     : fmt::format("{}:{}/{}", host, port, proto::name(protocol));
}

IpAddress mask_of(IpFamily family, std::uint8_t length) noexcept {
    IpAddress ones{family, {}};
    ones.bytes.fill(0xff);
    return Prefix::of(ones, length).address;
}

}  // namespace ks
