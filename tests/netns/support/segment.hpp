// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <cstdint>
#include <string>

namespace ks::test {

inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kAck = 0x10;

/// Sends one TCP segment that belongs to no connection. `source` must be an address of `from`.
void send_segment(const lab::Node& from, const char* source, const char* to, std::uint8_t flags,
                  std::uint16_t source_port, std::uint16_t port);

/// An ICMP error from `from`, as a router on the way would send it about a UDP packet of ours.
struct IcmpError {
    std::uint8_t type = 3;
    std::uint8_t code = 4;
    std::uint16_t mtu = 0;
    IpAddress about_source;
    IpAddress about_destination;
    std::uint16_t about_source_port = 0;
    std::uint16_t about_port = 0;
};
void send_error(const lab::Node& from, const IpAddress& to, const IcmpError& error);

/// Sends a datagram to `to` from an address of the node; refused or not.
void send_datagram(const lab::Node& from, const char* source, std::uint16_t source_port,
                   const char* to, std::uint16_t port);

}  // namespace ks::test
