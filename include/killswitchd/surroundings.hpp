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
    /// Whose packets leave by it is not known: it is a port of a master of an unknown kind.
    bool of_anybody = false;
    /// The tags, from outside in, of frames that only ever reach guests.
    std::vector<std::vector<VlanTag>> guest_vlans{};
    friend auto operator<=>(const Uplink&, const Uplink&) = default;
};

/// A device by which frames reach machines inside this one, or devices behind it, and nobody else.
struct InsideDevice {
    std::string name;
    std::string kind;  ///< As rtnetlink calls it; empty for hardware.
    friend auto operator<=>(const InsideDevice&, const InsideDevice&) = default;
};

/// What the interfaces of the host are to the rules, besides the tunnels. Everything sorted.
struct Surroundings {
    std::vector<IpAddress> tunnel_addresses;  ///< Own addresses on interfaces named as tunnels.
    std::vector<LinkNetwork> guests;          ///< Proven guests, with their networks.
    std::vector<LinkNetwork> lan;             ///< Local networks that the policy allows.
    std::vector<Uplink> uplinks;              ///< Every device that may lead outside.
    /// IPv6 networks and routers on the links that are neither tunnel nor guest.
    std::vector<LinkNetwork> neighbours;
    /// On-link networks that are no local network, one sentence each: wider than /16 (IPv6: /48),
    /// or with an address in them that is beyond the tunnel.
    std::vector<std::string> lan_refused{};
    std::vector<InsideDevice> inside{};  ///< Guests, and the ports that they are plugged into.
    std::vector<LinkNetwork>
        tunnel_networks{};  ///< On-link networks of interfaces named as tunnels.
    friend bool operator==(const Surroundings&, const Surroundings&) = default;
};

/// Reads the surroundings off the links. `endpoints` are of every tunnel.
///
/// A new interface is an uplink until it is proven a guest: a bridge with an address whose ports
/// are all veth or tap devices, or a veth with an address, that is no way out while another
/// interface is one; or one that the policy names and that holds no default route. A way out holds
/// the default route, or one to a server of the VPN, which may have taken the other. Where a veth
/// is one (in a container), no veth counts as proven.
[[nodiscard]] Surroundings surroundings(const Policy& policy, const LinkTable& links,
                                        const KnownEndpoints& endpoints = {});

}  // namespace ks
