// SPDX-License-Identifier: GPL-2.0-or-later
#include "local_rules.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/surroundings.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::uint16_t kDhcpServer = 67;
constexpr std::uint16_t kDhcpClient = 68;

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

void add_guest(Draft& draft, const LinkNetwork& guest) {
    const match::Family family{guest.network.address.family};
    const std::string comment = fmt::format("guest {}", guest.interface);
    // By destination too: an interface that turns out to lead elsewhere opens its own net at most.
    draft.output.rules.push_back(
        accept({match::OutInterface{guest.interface}, family, match::Destination{guest.network}},
               comment));
    draft.input.rules.push_back(accept(
        {match::InInterface{guest.interface}, family, match::Source{guest.network}}, comment));
}

/// Questions of neighbour discovery, which are asked of a group; answers are in the guest's
/// network.
void add_neighbour_questions(Draft& draft, const std::string& interface) {
    draft.output.rules.push_back(
        accept({match::OutInterface{interface}, match::Family{IpFamily::v6},
                match::Destination{*Prefix::parse("ff02::/16")}, match::Protocol{proto::kIcmpv6},
                match::HopLimit{kNeighbourHopLimit}},
               "guest neighbour discovery"));
}

/// A guest without an address asks this host for one.
void add_dhcp_for(Draft& draft, const std::string& interface) {
    const match::Family v4{IpFamily::v4};
    const match::Protocol udp{proto::kUdp};
    const match::SourcePort from_client{{kDhcpClient, kDhcpClient}};
    const match::SourcePort from_server{{kDhcpServer, kDhcpServer}};
    const match::DestinationPort to_server{{kDhcpServer, kDhcpServer}};
    const match::DestinationPort to_client{{kDhcpClient, kDhcpClient}};
    draft.input.rules.push_back(
        accept({match::InInterface{interface}, v4, udp, from_client, to_server}, "guest DHCP"));
    draft.output.rules.push_back(
        accept({match::OutInterface{interface}, v4, udp, from_server, to_client}, "guest DHCP"));
}

void add_lan_inbound(Draft& draft, const LinkNetwork& lan) {
    const match::InInterface by{lan.interface};
    const match::Family family{lan.network.address.family};
    const match::Source from{lan.network};
    if (draft.policy.lan.inbound) {
        draft.input.rules.push_back(accept({by, family, from}, "LAN"));
        return;
    }
    draft.input.rules.push_back(accept({by, family, from, match::CtEstablished{}}, "LAN answers"));
    // Answers to a question that was asked of a group come from an address that was not asked.
    constexpr std::array<std::uint16_t, 3> kDiscovery{1900, 5353, 5355};
    for (const std::uint16_t port : kDiscovery) {
        draft.input.rules.push_back(accept(
            {by, family, from, match::Protocol{proto::kUdp}, match::SourcePort{{port, port}}},
            "LAN discovery"));
    }
}

}  // namespace

void add_guests(Draft& draft) {
    if (draft.situation.state == StateName::panic) {
        return;
    }
    std::string previous;
    std::string previous_v6;
    for (const LinkNetwork& guest : draft.situation.around.guests) {
        add_guest(draft, guest);
        if (guest.interface != previous) {
            add_dhcp_for(draft, guest.interface);
            previous = guest.interface;
        }
        if (guest.network.address.family == IpFamily::v6 && guest.interface != previous_v6) {
            add_neighbour_questions(draft, guest.interface);
            previous_v6 = guest.interface;
        }
        for (const LinkNetwork& other : draft.situation.around.guests) {
            if (guest.network.address.family != other.network.address.family) {
                continue;
            }
            draft.forward.rules.push_back(accept(
                {match::InInterface{guest.interface}, match::OutInterface{other.interface},
                 match::Family{guest.network.address.family}, match::Destination{other.network}},
                "guest to guest"));
        }
    }
}

void add_lan(Draft& draft) {
    std::vector<std::pair<std::string, IpFamily>> greeted;
    for (const LinkNetwork& lan : draft.situation.around.lan) {
        const match::OutInterface by{lan.interface};
        const IpFamily family = lan.network.address.family;
        draft.output.rules.push_back(
            accept({by, match::Family{family}, match::Destination{lan.network}}, "LAN"));
        add_lan_inbound(draft, lan);
        const std::pair<std::string, IpFamily> link{lan.interface, family};
        if (std::find(greeted.begin(), greeted.end(), link) != greeted.end()) {
            continue;
        }
        greeted.push_back(link);
        for (const Prefix& group : local_groups(family)) {
            draft.output.rules.push_back(
                accept({by, match::Family{family}, match::Destination{group}}, "LAN groups"));
        }
    }
}

}  // namespace ks
