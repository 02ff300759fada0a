// SPDX-License-Identifier: GPL-2.0-or-later
#include "link_rules.hpp"

#include "bootstrap_rules.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "places.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ks {

namespace {

constexpr std::uint16_t kDhcpServerPort = 67;
constexpr std::uint16_t kDhcpClientPort = 68;
constexpr std::uint16_t kDhcp6ServerPort = 547;
constexpr std::uint16_t kDhcp6ClientPort = 546;
constexpr std::uint8_t kRouterSolicit = 133;
constexpr std::uint8_t kRouterAdvert = 134;
constexpr std::uint8_t kNeighbourSolicit = 135;
constexpr std::uint8_t kNeighbourAdvert = 136;

/// Whether any of these lets IPv6 pass an uplink.
bool any_opens_ipv6(const Draft& draft, const std::vector<AllowRule>& exceptions) {
    return std::ranges::any_of(exceptions, [&](const AllowRule& exception) {
        return exception.far ? exception.far->address.family == IpFamily::v6
                             : draft.policy.ipv6 == Ipv6::tunnel;
    });
}

bool has_endpoint6(const Draft& draft, const std::string& tunnel) {
    return std::ranges::any_of(
        endpoints_of(draft.situation.endpoints, tunnel),
        [](const KnownEndpoint& known) { return known.endpoint.address.family == IpFamily::v6; });
}

/// IPv6 leaves an uplink for an IPv6 endpoint or the server of its name, an IPv6 LAN or an IPv6
/// exception.
bool needs_ipv6(const Draft& draft) {
    return bootstraps_by_ipv6(draft) || any_opens_ipv6(draft, draft.policy.outbound) ||
           any_opens_ipv6(draft, draft.policy.inbound) ||
           std::ranges::any_of(draft.policy.tunnels,
                               [&](const Tunnel& tunnel) {
                                   return tunnel.via.empty() && has_endpoint6(draft, tunnel.name);
                               }) ||
           has_endpoint6(draft, kLeases) ||
           std::ranges::any_of(draft.situation.around.lan, [](const LinkNetwork& lan) {
               return lan.network.address.family == IpFamily::v6;
           });
}

/// One type of neighbour discovery.
Rule neighbour_rule(std::vector<Match> matches, std::uint8_t type) {
    matches.emplace_back(match::Protocol{proto::kIcmpv6});
    matches.emplace_back(match::IcmpType{type});
    matches.emplace_back(match::HopLimit{kNeighbourHopLimit});
    return accept(std::move(matches), "neighbour discovery");
}

/// Any interface but those that a tunnel of the policy may have.
template <class Interface, class Group>
Match beside(const std::string& pattern) {
    const auto group = group_in(pattern);
    return group ? Match{Group{*group, /*negated=*/true}}
                 : Match{Interface{pattern, /*negated=*/true}};
}

/// IPv6 anywhere but in a tunnel.
template <class Interface, class Group>
std::vector<Match> outside(const Policy& policy, const std::optional<Prefix>& to = {}) {
    std::vector<Match> matches;
    for (const Tunnel& tunnel : policy.tunnels) {
        if (!tunnel.ipsec) {
            matches.push_back(beside<Interface, Group>(tunnel.interface));
        }
    }
    matches.emplace_back(match::Family{IpFamily::v6});
    if (to) {
        matches.emplace_back(match::Destination{*to});
    }
    return matches;
}

/// Questions go to a group that routers do not pass on, answers come from the link.
/// Source: RFC 8415, sections 7.1 and 7.2.
void add_dhcp6(Draft& draft) {
    const match::Family v6{IpFamily::v6};
    const match::Source link_local{link_local6()};
    const match::Protocol udp{proto::kUdp};
    const PortRange client{kDhcp6ClientPort, kDhcp6ClientPort};
    const PortRange server{kDhcp6ServerPort, kDhcp6ServerPort};
    std::vector<Match> request =
        outside<match::OutInterface, match::OutGroup>(draft.policy, *Prefix::parse("ff02::1:2"));
    for (const Match& match : std::initializer_list<Match>{
             link_local, udp, match::SourcePort{client}, match::DestinationPort{server}}) {
        request.push_back(match);
    }
    draft.output.rules.push_back(accept(std::move(request), "DHCPv6 request"));
    draft.input.rules.push_back(
        accept({v6, link_local, udp, match::SourcePort{server}, match::DestinationPort{client}},
               "DHCPv6 answer"));
}

/// To neighbours alone: a packet with hop limit 255 may well travel, if a program makes it.
void add_neighbours_outward(Draft& draft) {
    const auto groups =
        outside<match::OutInterface, match::OutGroup>(draft.policy, *Prefix::parse("ff02::/16"));
    const auto link_local =
        outside<match::OutInterface, match::OutGroup>(draft.policy, link_local6());
    const auto near =
        places(draft, draft.situation.around.neighbours, match::InSet::Far::destination, "near");
    std::vector<Rule>& rules = draft.output.rules;
    rules.push_back(neighbour_rule(groups, kRouterSolicit));
    for (const std::uint8_t type : {kNeighbourSolicit, kNeighbourAdvert}) {
        rules.push_back(neighbour_rule(groups, type));
        rules.push_back(neighbour_rule(link_local, type));
        for (const Place& place : near) {
            rules.push_back(neighbour_rule(place.matches, type));
        }
    }
}

}  // namespace

void add_loopback(Draft& draft) {
    draft.output.rules.push_back(accept({match::OutLoopback{}}, "loopback"));
    draft.input.rules.push_back(accept({match::InLoopback{}}, "loopback"));
}

/// Discovery is broadcast, renewal is unicast to the server. One with a public address is not asked
/// then, and the client comes back to broadcasts in time. Source: RFC 2131, section 4.4.5.
void add_dhcp(Draft& draft) {
    const match::Family v4{IpFamily::v4};
    const match::Protocol udp{proto::kUdp};
    const PortRange client{kDhcpClientPort, kDhcpClientPort};
    const PortRange server{kDhcpServerPort, kDhcpServerPort};
    for (const char* const servers : {"255.255.255.255", "10.0.0.0/8", "100.64.0.0/10",
                                      "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}) {
        draft.output.rules.push_back(
            accept({v4, match::Destination{*Prefix::parse(servers)}, udp, match::SourcePort{client},
                    match::DestinationPort{server}},
                   "DHCP request"));
    }
    draft.input.rules.push_back(accept(
        {v4, udp, match::SourcePort{server}, match::DestinationPort{client}}, "DHCP answer"));
    if (needs_ipv6(draft)) {
        add_dhcp6(draft);
    }
}

void add_neighbour_discovery(Draft& draft) {
    if (!needs_ipv6(draft)) {
        return;
    }
    add_neighbours_outward(draft);
    const std::vector<Match> anywhere = outside<match::InInterface, match::InGroup>(draft.policy);
    for (const std::uint8_t type : {kRouterAdvert, kNeighbourSolicit, kNeighbourAdvert}) {
        draft.input.rules.push_back(neighbour_rule(anywhere, type));
    }
}

}  // namespace ks
