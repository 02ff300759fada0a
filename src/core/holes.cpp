// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/holes.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::size_t kMostNamed = 4;  ///< Of one kind, in one sentence.

/// "443/tcp, 5000-5010/udp"
std::string ports_text(const std::vector<PortSpec>& all) {
    std::vector<std::string> ports;
    for (const PortSpec& spec : all) {
        ports.push_back(spec.str());
    }
    return fmt::format("{}", fmt::join(ports, ", "));
}

std::string place_of(const AllowRule& exception, std::string_view preposition) {
    std::string text = exception.far ? fmt::format(" {} {}", preposition, exception.far->str())
                                     : fmt::format(" {} anywhere", preposition);
    if (!exception.ports.empty()) {
        text += fmt::format(" port {}", ports_text(exception.ports));
    }
    if (!exception.interface.empty()) {
        text += fmt::format(" by {}", exception.interface);
    }
    return text;
}

std::string sender_of(const AllowRule& exception) {
    std::string text;
    if (exception.user) {
        text += fmt::format(" of user {}", *exception.user);
    }
    if (exception.group) {
        text += fmt::format(" of group {}", *exception.group);
    }
    if (exception.cgroup) {
        text += fmt::format(" of cgroup {}", *exception.cgroup);
    }
    return text;
}

std::string lan_hole(const Lan& lan) {
    std::string networks = "on-link private networks";
    if (lan.networks == Lan::Networks::private_) {
        networks = "all private networks";
    } else if (lan.networks == Lan::Networks::listed) {
        std::vector<std::string> list;
        for (const Prefix& prefix : lan.list) {
            list.push_back(prefix.str());
        }
        networks = fmt::format("{}", fmt::join(list, ", "));
    }
    return fmt::format("LAN: {}{}{}", networks, lan.dns ? ", its resolvers too" : "",
                       lan.inbound ? ", and may connect to this host" : "");
}

/// What may be opened from the VPN's side.
void add_inbound_hole(const Tunnel& tunnel, const OpenPorts& open_ports,
                      std::vector<std::string>& found) {
    std::vector<PortSpec> ports = tunnel.inbound.ports;
    if (const auto more = open_ports.find(tunnel.name); more != open_ports.end()) {
        ports.insert(ports.end(), more->second.begin(), more->second.end());
    }
    std::ranges::sort(ports);
    const auto repeated = std::unique(ports.begin(), ports.end());
    ports.erase(repeated, ports.end());
    if (tunnel.inbound.all) {
        found.push_back(
            fmt::format("tunnel {}: anyone in the VPN may connect to this host", tunnel.name));
    } else if (ports.size() > kMostNamed) {
        found.push_back(fmt::format("tunnel {}: anyone in the VPN may connect to {} ports",
                                    tunnel.name, ports.size()));
    } else if (!ports.empty()) {
        found.push_back(fmt::format("tunnel {}: anyone in the VPN may connect to port {}",
                                    tunnel.name, ports_text(ports)));
    }
}

void add_tunnel_holes(const Tunnel& tunnel, const std::vector<KnownEndpoint>& endpoints,
                      std::vector<std::string>& found) {
    if (const auto group = group_in(tunnel.interface)) {
        found.push_back(
            fmt::format("tunnel {}: every interface in group {} is trusted", tunnel.name, *group));
    } else if (tunnel.interface.ends_with('*')) {
        found.push_back(fmt::format("tunnel {}: every interface named {} is trusted", tunnel.name,
                                    tunnel.interface));
    }
    if (!tunnel.only.empty()) {
        return;
    }
    if (endpoints.size() > kMostNamed) {
        found.push_back(fmt::format("tunnel {}: any program may send to its {} endpoints",
                                    tunnel.name, endpoints.size()));
        return;
    }
    for (const KnownEndpoint& known : endpoints) {
        found.push_back(fmt::format("tunnel {}: any program may send to {}", tunnel.name,
                                    known.endpoint.str()));
    }
}

void add_lease_holes(const std::vector<KnownEndpoint>& leases, std::vector<std::string>& found) {
    for (const KnownEndpoint& lease : leases) {
        if (!lease.only || lease.only->empty()) {
            found.push_back(fmt::format("lease of {}: any program may send to {}", lease.origin,
                                        lease.endpoint.str()));
        }
    }
}

}  // namespace

std::vector<std::string> holes(const Policy& policy, const KnownEndpoints& endpoints,
                               const OpenPorts& open_ports) {
    std::vector<std::string> found;
    for (const Tunnel& tunnel : policy.tunnels) {
        add_tunnel_holes(tunnel, endpoints_of(endpoints, tunnel.name), found);
        add_inbound_hole(tunnel, open_ports, found);
    }
    add_lease_holes(endpoints_of(endpoints, kLeases), found);
    if (policy.lan.allow) {
        found.push_back(lan_hole(policy.lan));
    }
    for (const AllowRule& exception : policy.outbound) {
        found.push_back(
            fmt::format("exception: packets{}{}", sender_of(exception), place_of(exception, "to")));
    }
    for (const AllowRule& exception : policy.inbound) {
        found.push_back(fmt::format("exception: connections{}", place_of(exception, "from")));
    }
    if (policy.scope == Scope::all && policy.raw == Raw::allow) {
        found.emplace_back("raw: packet sockets and bridged guests are not blocked");
    }
    if (policy.scope == Scope::apps) {
        found.emplace_back("scope apps: whoever is not listed is free");
    }
    return found;
}

}  // namespace ks
