// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/endpoints.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <compare>
#include <string>
#include <vector>

namespace ks {

/// A device by which frames leave the host.
struct Uplink {
    std::string name;
    int index = 0;
    std::vector<std::string> above;  ///< The devices whose packets leave by it: bridge, bond, VLAN.
    friend auto operator<=>(const Uplink&, const Uplink&) = default;
};

/// What the interfaces of the host are to the rules, besides the tunnels. Everything sorted.
struct Surroundings {
    std::vector<IpAddress> tunnel_addresses;  ///< Own addresses on interfaces named as tunnels.
    std::vector<LinkNetwork> guests;          ///< Proven guests, with their networks.
    std::vector<LinkNetwork> lan;             ///< Local networks that the policy allows.
    /// Every device that may lead outside; without those that carry a tunnel's or a guest's frames.
    std::vector<Uplink> uplinks;
    /// IPv6 networks and routers on the links that are neither tunnel nor guest.
    std::vector<LinkNetwork> neighbours;
    /// On-link networks that are no local network, one sentence each: wider than /16 (IPv6: /48),
    /// or with an address in them that is beyond the tunnel.
    std::vector<std::string> lan_refused{};
    friend bool operator==(const Surroundings&, const Surroundings&) = default;
};

/// Reads the surroundings off the links. `endpoints` are of every tunnel.
///
/// A new interface is an uplink until it is proven a guest: a bridge with an address whose ports
/// are all veth or tap devices, or a veth with an address, that holds no default route while
/// another interface does; or one that the policy names and that holds none. Where a veth holds the
/// default route (in a container), no veth counts as proven.
[[nodiscard]] Surroundings surroundings(const Policy& policy, const LinkTable& links,
                                        const KnownEndpoints& endpoints = {});

}  // namespace ks
