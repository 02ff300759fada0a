// SPDX-License-Identifier: GPL-2.0-or-later
#include "tunnel_rules.hpp"

#include "bootstrap_rules.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "places.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

using Far = match::InSet::Far;

/// DNS inside a tunnel reaches only the listed servers; what is not DNS returns to the caller.
void add_dns_servers(Draft& draft, const std::vector<IpAddress>& servers) {
    Chain dispatch{"tunnel_dns", std::nullopt, {}};
    Chain allowed{"dns_servers", std::nullopt, {}};
    for (std::vector<Match>& packets : dns_packets()) {
        dispatch.rules.push_back({std::move(packets), {}, Verdict::jump, allowed.name, {}});
    }
    for (const IpAddress& server : servers) {
        allowed.rules.push_back(accept(
            {match::Family{server.family}, match::Destination{Prefix::of(server, server.bits())}},
            "DNS server"));
    }
    allowed.rules.push_back(refuse({}, reason::kDns));
    draft.others.push_back(std::move(dispatch));
    draft.others.push_back(std::move(allowed));
}

/// What tells the packets of a tunnel from all others.
struct Way {
    std::vector<Match> into;
    std::vector<Match> out_of;
    std::string comment;
};

std::string name_of(const LiveTunnel& tunnel) {
    return tunnel.interface.empty() ? fmt::format("group {}", tunnel.group.value_or(0))
                                    : tunnel.interface;
}

std::vector<Way> ways_of(const Situation& situation) {
    std::vector<Way> ways;
    for (const LiveTunnel& tunnel : situation.tunnels_up) {
        Way way{{}, {}, fmt::format("tunnel {}", name_of(tunnel))};
        if (!tunnel.interface.empty()) {
            way.into.emplace_back(match::OutInterface{tunnel.interface});
            way.out_of.emplace_back(match::InInterface{tunnel.interface});
        }
        if (!tunnel.kind.empty()) {
            way.into.emplace_back(match::OutKind{tunnel.kind});
            way.out_of.emplace_back(match::InKind{tunnel.kind});
        }
        if (tunnel.group) {
            way.into.emplace_back(match::OutGroup{*tunnel.group});
            way.out_of.emplace_back(match::InGroup{*tunnel.group});
        }
        ways.push_back(std::move(way));
    }
    if (!situation.ipsec_up.empty()) {  // The kernel does not say which policy it was.
        ways.push_back({{match::ToEncrypt{}}, {match::Decrypted{}}, "tunnel by IPsec policy"});
    }
    return ways;
}

/// Matches of a packet of the families that may be in a tunnel.
std::vector<Match> in_tunnel(const Policy& policy, std::vector<Match> matches) {
    if (policy.ipv6 == Ipv6::block) {
        matches.emplace_back(match::Family{IpFamily::v4});
    }
    return matches;
}

/// Packets of guests go into the tunnel; out of it come only answers.
void add_guests_of(Draft& draft, const Way& way) {
    const std::vector<LinkNetwork>& guests = draft.situation.around.guests;
    for (Match& guest : interfaces(draft, guests, Far::source, "guest_links")) {
        std::vector<Match> out = in_tunnel(draft.policy, {std::move(guest)});
        out.insert(out.end(), way.into.begin(), way.into.end());
        if (draft.policy.dns_servers) {
            draft.forward.rules.push_back({out, {}, Verdict::jump, "tunnel_dns", "guest"});
        }
        draft.forward.rules.push_back(accept(std::move(out), "guest"));
    }
    for (const Match& guest : interfaces(draft, guests, Far::destination, "guest_links")) {
        std::vector<Match> in = in_tunnel(draft.policy, way.out_of);
        in.push_back(guest);
        in.emplace_back(match::CtEstablished{});
        draft.forward.rules.push_back(accept(std::move(in), "answers to a guest"));
        // Not by network: a guest may be the router of another one.
        draft.postrouting.rules.push_back(
            accept({guest, match::CtEstablished{}}, "answers to a guest"));
    }
}

}  // namespace

void add_tunnels(Draft& draft) {
    const Policy& policy = draft.policy;
    const std::vector<Way> ways = ways_of(draft.situation);
    for (const Way& way : ways) {
        std::vector<Match> out = in_tunnel(policy, way.into);
        if (policy.dns_servers) {
            add_bootstrap_in(draft, way.into);
            draft.output.rules.push_back({out, {}, Verdict::jump, "tunnel_dns", way.comment});
        }
        draft.output.rules.push_back(accept(std::move(out), way.comment));
        draft.input.rules.push_back(accept(in_tunnel(policy, way.out_of), way.comment));
        if (policy.guests.reach == Guests::Reach::tunnel) {
            add_guests_of(draft, way);
        }
    }
    if (policy.dns_servers && !ways.empty()) {
        add_dns_servers(draft, *policy.dns_servers);
    }
}

void add_spoof_guard(Draft& draft) {
    Chain arp{"arp_input", Hook::arp_input, {}};
    std::vector<Rule> refused;
    for (const IpAddress& own : draft.situation.around.tunnel_addresses) {
        // Whatever came through the tunnel, or from this host, was accepted before.
        draft.input.rules.push_back(
            {{match::Family{own.family}, match::Destination{Prefix::of(own, own.bits())}},
             reason::kSpoof,
             Verdict::drop,
             {},
             "not through the tunnel"});
        draft.output.rules.push_back(
            refuse({match::Family{own.family}, match::Source{Prefix::of(own, own.bits())}},
                   reason::kSpoof));
        if (own.family == IpFamily::v4) {
            refused.push_back(
                {{match::ArpTarget{own}}, {}, Verdict::drop, {}, "a tunnel's address"});
        }
    }
    if (refused.empty()) {
        return;
    }
    // A tap device speaks ARP inside.
    for (const LiveTunnel& tunnel : draft.situation.tunnels_up) {
        arp.rules.push_back(accept({match::InInterface{tunnel.interface}},
                                   fmt::format("tunnel {}", tunnel.interface)));
    }
    std::ranges::move(refused, std::back_inserter(arp.rules));
    arp.rules.push_back(accept({}, "all other addresses"));
    draft.others.push_back(std::move(arp));
}

}  // namespace ks
