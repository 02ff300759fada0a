// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/net.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ks::lab {

inline constexpr std::uint16_t kEtherIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherArp = 0x0806;
inline constexpr std::uint16_t kEtherIpv6 = 0x86dd;

/// One frame that left an uplink, as the provider saw it arrive. Fields that the frame does not
/// have are 0. For ARP, `source` and `destination` are the sender's and the target's address.
struct FrameInfo {
    std::uint64_t time_ns = 0;  ///< Arrival, CLOCK_REALTIME.
    std::uint32_t tag = 0;      ///< Of a lab payload in clear (see tag_text), else 0.
    std::uint32_t length = 0;   ///< Bytes on the wire, link header included.
    std::uint16_t ethertype = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t uplink = 0;  ///< 0: first uplink, 1: second.
    std::uint8_t protocol = 0;
    std::uint8_t icmp_type = 0;  ///< ICMP or ICMPv6.
    std::uint8_t tcp_flags = 0;  ///< As on the wire: SYN 0x02, RST 0x04, ACK 0x10.
    IpAddress source;
    IpAddress destination;
};

/// The marker that a payload carries in clear: "kslab:" and eight hex digits.
[[nodiscard]] std::string tag_text(std::uint32_t tag);
/// Reads what a link-layer frame (Ethernet) says; `length` and `time_ns` are the caller's.
[[nodiscard]] FrameInfo parse_frame(std::span<const std::uint8_t> bytes);
/// "up0 udp 192.168.77.2:4711 > 198.51.100.1:53 tag 17".
[[nodiscard]] std::string describe(const FrameInfo& frame);

}  // namespace ks::lab
