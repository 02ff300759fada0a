// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/surroundings.hpp"

#include "killswitchd/endpoints.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/tunnels.hpp"
#include "sort_unique.hpp"
#include "uplinks.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

bool named_in(const std::vector<std::string>& patterns, const Link& link) {
    return std::ranges::any_of(patterns, [&](const std::string& pattern) {
        return interface_matches(pattern, link.name, link.group);
    });
}

/// Where the VPN has taken the default route, the way out is the one to its server. There may be
/// thousands of `servers`, sorted.
bool leads_to_server(const Link& link, const std::vector<IpAddress>& servers) {
    const auto is_server = [&](const IpAddress& host) {
        return std::ranges::binary_search(servers, host);
    };
    const auto has_server = [&](const Prefix& own) {
        const Prefix network = Prefix::of(own.address, own.length);
        const auto first = std::ranges::lower_bound(servers, network.address);
        return first != servers.end() && network.contains(*first);
    };
    const auto leads_to = [&](const LinkRoute& route) {
        return route.to.length == route.to.address.bits() && is_server(route.to.address);
    };
    return std::ranges::any_of(link.routes, leads_to) ||
           std::ranges::any_of(link.addresses, has_server);
}

bool is_uplink(const Policy& policy, const Link& link, const std::vector<IpAddress>& servers) {
    return (link.default_route || leads_to_server(link, servers)) &&
           !bears_tunnel_name(policy, link);
}

std::vector<IpAddress> addresses_of(const KnownEndpoints& endpoints) {
    std::vector<IpAddress> all;
    for (const auto& [tunnel, known] : endpoints) {
        std::ranges::transform(known, std::back_inserter(all),
                               [](const KnownEndpoint& one) { return one.endpoint.address; });
    }
    std::ranges::sort(all);
    return all;
}

/// What one link has to know of all others, gathered in one pass.
struct Overview {
    Overview(const Policy& policy, const LinkTable& links, const std::vector<IpAddress>& servers) {
        for (const auto& [index, link] : links) {
            if (is_uplink(policy, link, servers)) {
                ways_out.insert(index);
                // Inside a container the uplinks are veths as well, and nothing tells a second one
                // from a guest.
                uplinks_are_veths = uplinks_are_veths || link.kind == "veth";
            }
            if (link.master != 0) {
                const bool inside =
                    (link.kind == "veth" || link.kind == "tun") && !link.default_route;
                auto& only_inside = ports_lead_inside.try_emplace(link.master, true).first->second;
                only_inside = only_inside && inside;
            }
        }
    }

    std::set<int> ways_out;
    bool uplinks_are_veths = false;
    std::map<int, bool> ports_lead_inside;  ///< Of every master, whether all its ports do.
};

/// Whether a link can only lead to machines inside this one.
bool leads_inside(const Overview& overview, int index, const Link& link) {
    if (link.kind == "veth") {
        return link.master == 0 && !overview.uplinks_are_veths;
    }
    const auto ports = overview.ports_lead_inside.find(index);
    return link.kind == "bridge" && ports != overview.ports_lead_inside.end() && ports->second;
}

bool is_guest(const Policy& policy, const Overview& overview, int index, const Link& link) {
    if (index == kLoopbackIndex || link.default_route || bears_tunnel_name(policy, link)) {
        return false;
    }
    if (!policy.guests.automatic) {
        return named_in(policy.guests.interfaces, link);
    }
    const bool way_out_elsewhere = !overview.ways_out.empty() && !overview.ways_out.contains(index);
    return way_out_elsewhere && !link.addresses.empty() && leads_inside(overview, index, link);
}

/// A device gives itself a link-local address: it may be an uplink that still waits for its own.
bool is_surely_guest(const Policy& policy, const Link& link) {
    static const std::vector<Prefix> given{*Prefix::parse("169.254.0.0/16"), link_local6()};
    return !policy.guests.automatic || std::ranges::any_of(link.addresses, [](const Prefix& own) {
        return std::ranges::none_of(
            given, [&](const Prefix& local) { return local.contains(own.address); });
    });
}

/// Addresses that no local network may take away from the tunnel: endpoints, the resolvers inside,
/// and its own.
std::vector<IpAddress> beyond(const Policy& policy, const KnownEndpoints& endpoints,
                              const std::vector<IpAddress>& own) {
    std::vector<IpAddress> all = own;
    const std::vector<IpAddress> servers = addresses_of(endpoints);
    all.insert(all.end(), servers.begin(), servers.end());
    if (policy.dns_servers) {
        all.insert(all.end(), policy.dns_servers->begin(), policy.dns_servers->end());
    }
    return all;
}

/// Why a network that is on-link is not local, whatever DHCP says; empty where it is.
std::string refusal_of(const Prefix& network, const std::vector<IpAddress>& beyond) {
    constexpr std::uint8_t kWidest = 16;
    constexpr std::uint8_t kWidest6 = 48;
    const std::uint8_t widest = network.address.family == IpFamily::v4 ? kWidest : kWidest6;
    if (network.length < widest && !link_local6().contains(network)) {
        return fmt::format("is wider than /{}: list it under lan.networks if it is yours", widest);
    }
    const auto taken = std::ranges::find_if(
        beyond, [&](const IpAddress& address) { return network.contains(address); });
    return taken == beyond.end()
               ? std::string()
               : fmt::format("holds {}, which belongs to the tunnel", taken->str());
}

/// The local networks of one uplink.
std::vector<Prefix> lan_of(const Lan& lan, const Link& link) {
    switch (lan.networks) {
    case Lan::Networks::private_:
        return private_space();
    case Lan::Networks::listed:
        return lan.list;
    case Lan::Networks::on_link:
        break;
    }
    std::vector<Prefix> networks;
    for (const Prefix& address : link.addresses) {
        const Prefix network = Prefix::of(address.address, address.length);
        if (network.length != 0 && (lan.unsafe || is_private(network))) {
            networks.push_back(network);
        }
    }
    return networks;
}

/// The IPv6 networks of one link, and its routers outside of them.
void add_neighbours(const Link& link, std::vector<LinkNetwork>& neighbours) {
    constexpr std::uint8_t kOwnAddressOnly = 128;
    for (const Prefix& own : link.addresses) {
        if (own.address.family == IpFamily::v6 && own.length != 0 &&
            own.length != kOwnAddressOnly && !link_local6().contains(own.address)) {
            neighbours.push_back({link.name, Prefix::of(own.address, own.length)});
        }
    }
    for (const IpAddress& router : link.routers6) {
        const bool known = std::ranges::any_of(neighbours, [&](const LinkNetwork& network) {
            return network.interface == link.name && network.network.contains(router);
        });
        if (!known && !link_local6().contains(router)) {
            neighbours.push_back({link.name, Prefix::of(router, router.bits())});
        }
    }
}

/// Takes from the local networks those that are none.
void refuse_networks(Surroundings& around, const std::vector<IpAddress>& beyond) {
    std::erase_if(around.lan, [&](const LinkNetwork& local) {
        const std::string why = refusal_of(local.network, beyond);
        if (!why.empty()) {
            around.lan_refused.push_back(
                fmt::format("{} on {} {}", local.network.str(), local.interface, why));
        }
        return !why.empty();
    });
}

}  // namespace

Surroundings surroundings(const Policy& policy, const LinkTable& links,
                          const KnownEndpoints& endpoints) {
    Surroundings around;
    Roles roles;
    const Overview overview(policy, links, addresses_of(endpoints));
    const Ipv6 ipv6 = policy.ipv6;
    const auto usable = [&](const Prefix& prefix) {
        return prefix.address.family == IpFamily::v4 || ipv6 == Ipv6::tunnel;
    };
    for (const auto& [index, link] : links) {
        if (index == kLoopbackIndex) {
            continue;
        }
        if (bears_tunnel_name(policy, link)) {
            if (distrust(policy, index, link).empty()) {
                roles.tunnels.insert(index);
            }
            for (const Prefix& own : link.addresses) {
                if (!link_local6().contains(own.address)) {
                    around.tunnel_addresses.push_back(own.address);
                }
                if (nameable(link.name) && own.length != 0 && own.length != own.address.bits()) {
                    around.tunnel_networks.push_back(
                        {link.name, Prefix::of(own.address, own.length)});
                }
            }
            continue;
        }
        if (!nameable(link.name)) {
            continue;
        }
        if (is_guest(policy, overview, index, link)) {
            if (is_surely_guest(policy, link)) {
                roles.guests.insert(index);
            }
            for (const Prefix& own : link.addresses) {
                if (usable(own)) {
                    around.guests.push_back({link.name, Prefix::of(own.address, own.length)});
                }
            }
            continue;
        }
        if (!wraps_packets(link)) {
            add_neighbours(link, around.neighbours);
        }
        const bool chosen = policy.lan.interfaces.empty() || named_in(policy.lan.interfaces, link);
        if (policy.lan.allow && chosen && link.master == 0 && !wraps_packets(link)) {
            for (const Prefix& network : lan_of(policy.lan, link)) {
                if (usable(network)) {
                    around.lan.push_back({link.name, network});
                }
            }
        }
    }
    sort_unique(around.tunnel_addresses);
    sort_unique(around.tunnel_networks);
    sort_unique(around.guests);
    sort_unique(around.lan);
    if (policy.lan.networks == Lan::Networks::on_link) {
        refuse_networks(around, beyond(policy, endpoints, around.tunnel_addresses));
    }
    sort_unique(around.neighbours);
    around.uplinks = find_uplinks(links, roles, around.inside);
    return around;
}

}  // namespace ks
