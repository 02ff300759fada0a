// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/net.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// A way out that a routing table has, narrower than everything.
struct LinkRoute {
    Prefix to;
    std::uint8_t origin = 0;  ///< RTPROT_*: who has set it.
    friend auto operator<=>(const LinkRoute&, const LinkRoute&) = default;
};

/// How a VLAN's frames are tagged where they leave by the device below it.
struct VlanTag {
    std::uint16_t type = 0;  ///< Of Ethernet: 0x8100, or 0x88a8 for the outer tag of two.
    std::uint16_t id = 0;
    friend bool operator==(const VlanTag&, const VlanTag&) = default;
    friend auto operator<=>(const VlanTag&, const VlanTag&) = default;
};

/// One network interface as rtnetlink describes it.
struct Link {
    std::string name;
    std::string kind;  ///< IFLA_INFO_KIND ("wireguard", "tun", "veth"); empty for hardware and lo.
    bool up = false;   ///< IFF_UP. Carrier is no condition: its loss is announced up to 1 s late.
    /// Own addresses with their host bits, sorted; length = on-link prefix length, the full one
    /// where a peer is at the other end. Prefix::of() makes the network of it.
    std::vector<Prefix> addresses;
    int master = 0;  ///< ifindex of the bridge or bond that this is a port of; 0: none.
    /// Some routing table sends everything (IPv4 or IPv6) this way. May stay set when the
    /// kernel drops it without a word: it only ever makes an interface less trusted.
    bool default_route = false;
    /// ifindex of the device here by which a VLAN, macvlan or ipvlan device sends; 0: none.
    int lower = 0;
    std::vector<IpAddress> routers6;  ///< Next hops of the IPv6 default routes, sorted.
    std::uint32_t group = 0;          ///< IFLA_GROUP: what `ip link set ... group` puts it in.
    bool xdp = false;                 ///< A program of XDP is attached, which no rule can see past.
    /// Unicast routes this way but default ones and those of its own networks; sorted, unique, the
    /// first kMostRoutes.
    std::vector<LinkRoute> routes{};
    std::optional<VlanTag> vlan{};  ///< Of a device of kind "vlan".
    friend bool operator==(const Link&, const Link&) = default;
};

/// More of them say nothing new, and a router may have a million.
inline constexpr std::size_t kMostRoutes = 64;

/// The loopback device of every network namespace. Source: Linux net/core/dev.c.
inline constexpr int kLoopbackIndex = 1;

/// All interfaces of one network namespace by ifindex. Names are reused at once, indices are not.
using LinkTable = std::map<int, Link>;

}  // namespace ks
