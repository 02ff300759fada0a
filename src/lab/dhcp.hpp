// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/net.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ks::lab {

enum class DhcpType : std::uint8_t {
    discover = 1,
    offer = 2,
    request = 3,
    acknowledge = 5,
    refuse = 6,
};

/// The part of a DHCPv4 message (RFC 2131) that the lab's server and client use.
struct DhcpMessage {
    DhcpType type = DhcpType::discover;
    std::uint32_t transaction = 0;
    std::array<std::uint8_t, 6> mac{};
    std::optional<IpAddress> client;     ///< ciaddr: set by a renewing client.
    std::optional<IpAddress> offered;    ///< yiaddr.
    std::optional<IpAddress> requested;  ///< Option 50.
    std::optional<IpAddress> server;     ///< Option 54.
    std::optional<IpAddress> router;     ///< Options 3 and 6: gateway and resolver.
    std::uint32_t lease_seconds = 0;     ///< Option 51.
    std::vector<Prefix> routes;          ///< Option 121, each through `router`.

    [[nodiscard]] static std::optional<DhcpMessage> decode(std::span<const std::uint8_t> bytes);
    [[nodiscard]] std::vector<std::uint8_t> encode() const;
};

inline constexpr std::uint16_t kDhcpServerPort = 67;
inline constexpr std::uint16_t kDhcpClientPort = 68;

}  // namespace ks::lab
