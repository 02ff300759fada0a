// SPDX-License-Identifier: GPL-2.0-or-later
#include "local_rules.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "places.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

using Far = match::InSet::Far;

constexpr const char* kGuestSets = "guests";
constexpr const char* kGuestLinks = "guest_links";

constexpr std::uint16_t kDhcpServer = 67;
constexpr std::uint16_t kDhcpClient = 68;

std::vector<Match> joined(std::vector<Match> first, const std::vector<Match>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

/// Groups and broadcasts that stay on the link, by which local devices find each other.
std::vector<Prefix> local_groups(IpFamily family) {
    const std::vector<const char*> texts =
        family == IpFamily::v4
            ? std::vector<const char*>{"224.0.0.0/24", "239.0.0.0/8", "255.255.255.255"}
            : std::vector<const char*>{"ff02::/16"};
    std::vector<Prefix> groups;
    for (const char* const text : texts) {
        groups.push_back(*Prefix::parse(text));
    }
    return groups;
}

std::string comment_of(const Place& place) {
    return place.interface.empty() ? "guests" : fmt::format("guest {}", place.interface);
}

/// By network too: an interface that turns out to lead elsewhere opens its own net at most.
void add_guest_networks(Draft& draft) {
    const std::vector<LinkNetwork>& guests = draft.situation.around.guests;
    for (Place& place : places(draft, guests, Far::destination, kGuestSets)) {
        draft.output.rules.push_back(accept(std::move(place.matches), comment_of(place)));
    }
    for (Place& place : places(draft, guests, Far::source, kGuestSets)) {
        draft.input.rules.push_back(accept(std::move(place.matches), comment_of(place)));
    }
}

/// Questions of neighbour discovery, which are asked of a group; answers are in the guest's
/// network.
void add_neighbour_questions(Draft& draft) {
    const std::vector<LinkNetwork> v6 = of_family(draft.situation.around.guests, IpFamily::v6);
    for (Match& link : interfaces(draft, v6, Far::destination, "guest_links6")) {
        draft.output.rules.push_back(
            accept({std::move(link), match::Family{IpFamily::v6},
                    match::Destination{*Prefix::parse("ff02::/16")},
                    match::Protocol{proto::kIcmpv6}, match::HopLimit{kNeighbourHopLimit}},
                   "guest neighbour discovery"));
    }
}

/// A guest without an address asks this host for one.
void add_guest_dhcp(Draft& draft) {
    const std::vector<LinkNetwork>& guests = draft.situation.around.guests;
    const match::Family v4{IpFamily::v4};
    const match::Protocol udp{proto::kUdp};
    const match::SourcePort from_client{{kDhcpClient, kDhcpClient}};
    const match::SourcePort from_server{{kDhcpServer, kDhcpServer}};
    const match::DestinationPort to_server{{kDhcpServer, kDhcpServer}};
    const match::DestinationPort to_client{{kDhcpClient, kDhcpClient}};
    for (Match& link : interfaces(draft, guests, Far::source, kGuestLinks)) {
        draft.input.rules.push_back(
            accept({std::move(link), v4, udp, from_client, to_server}, "guest DHCP"));
    }
    for (Match& link : interfaces(draft, guests, Far::destination, kGuestLinks)) {
        draft.output.rules.push_back(
            accept({std::move(link), v4, udp, from_server, to_client}, "guest DHCP"));
    }
}

void add_guest_to_guest(Draft& draft) {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        const std::vector<LinkNetwork> some = of_family(draft.situation.around.guests, family);
        const std::string links = fmt::format("{}{}", kGuestLinks, family == IpFamily::v4 ? 4 : 6);
        for (const Match& from : interfaces(draft, some, Far::source, links)) {
            for (const Place& to : places(draft, some, Far::destination, kGuestSets)) {
                draft.forward.rules.push_back(accept(joined({from}, to.matches), "guest to guest"));
            }
        }
    }
}

void add_lan_inbound(Draft& draft, const std::vector<Match>& from) {
    if (draft.policy.lan.inbound) {
        draft.input.rules.push_back(accept(from, "LAN"));
        return;
    }
    draft.input.rules.push_back(accept(joined(from, {match::CtEstablished{}}), "LAN answers"));
    // Answers to a question that was asked of a group come from an address that was not asked.
    constexpr std::array<std::uint16_t, 3> kDiscovery{1900, 5353, 5355};
    for (const std::uint16_t port : kDiscovery) {
        draft.input.rules.push_back(
            accept(joined(from, {match::Protocol{proto::kUdp}, match::SourcePort{{port, port}}}),
                   "LAN discovery"));
    }
}

}  // namespace

void add_guests(Draft& draft) {
    if (draft.situation.state == StateName::panic) {
        return;
    }
    add_guest_networks(draft);
    add_guest_dhcp(draft);
    add_neighbour_questions(draft);
    add_guest_to_guest(draft);
}

void add_lan(Draft& draft) {
    const std::vector<LinkNetwork>& lan = draft.situation.around.lan;
    for (Place& place : places(draft, lan, Far::destination, "lan")) {
        draft.output.rules.push_back(accept(std::move(place.matches), "LAN"));
    }
    for (const Place& place : places(draft, lan, Far::source, "lan")) {
        add_lan_inbound(draft, place.matches);
    }
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        const std::string name = fmt::format("lan_links{}", family == IpFamily::v4 ? 4 : 6);
        for (const Match& link :
             interfaces(draft, of_family(lan, family), Far::destination, name)) {
            for (const Prefix& group : local_groups(family)) {
                draft.output.rules.push_back(
                    accept({link, match::Family{family}, match::Destination{group}}, "LAN groups"));
            }
        }
    }
}

}  // namespace ks
