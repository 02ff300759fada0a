// SPDX-License-Identifier: GPL-2.0-or-later
#include "tunnel_rules.hpp"

#include "bootstrap_rules.hpp"
#include "carrier_rules.hpp"
#include "inbound_rules.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/tunnels.hpp"
#include "places.hpp"
#include "private_rules.hpp"

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

/// The chains that keep DNS inside a tunnel to the listed servers: of this host, and of guests.
constexpr const char* kHostDns = "tunnel_dns";
constexpr const char* kGuestDns = "guest_dns";

/// DNS inside a tunnel reaches only the listed servers; what is not DNS returns to the caller.
/// \param then  What becomes of a question to one of them.
void add_dns_servers(Draft& draft, const char* name, const Rule& then) {
    Chain dispatch{name, std::nullopt, {}};
    Chain allowed{fmt::format("{}_servers", name), std::nullopt, {}};
    for (std::vector<Match>& packets : dns_packets()) {
        dispatch.rules.push_back({std::move(packets), {}, Verdict::jump, allowed.name, {}});
    }
    for (const IpAddress& server : *draft.policy.dns_servers) {
        allowed.rules.push_back(then);
        allowed.rules.back().matches = {match::Family{server.family},
                                        match::Destination{Prefix::of(server, server.bits())}};
        allowed.rules.back().comment = "DNS server";
    }
    allowed.rules.push_back(refuse({}, reason::kDns));
    draft.others.push_back(std::move(dispatch));
    draft.others.push_back(std::move(allowed));
}

bool is_used(const std::vector<Rule>& rules, const char* chain) {
    return std::ranges::find(rules, chain, &Rule::target) != rules.end();
}

/// What tells the packets of a tunnel from all others, and what may come out of it unasked.
struct Way {
    std::vector<Match> into;
    std::vector<Match> out_of;
    std::string comment;
    Inbound inbound;
    std::string number;              ///< For the names of its chains.
    const Tunnel* tunnel = nullptr;  ///< Of the config; null: one that it does not know.
};

/// The terms of a tunnel of the config.
void apply_terms(const Draft& draft, const Tunnel& tunnel, Way& way) {
    way.inbound = inbound_of(draft, tunnel);
    way.tunnel = &tunnel;
    way.number = std::to_string(&tunnel - draft.policy.tunnels.data() + 1);
}

/// The kernel does not say which policy it was; the config makes sure that they agree.
Way way_of_ipsec(const Draft& draft) {
    Way way{{match::ToEncrypt{}}, {match::Decrypted{}}, "tunnel by IPsec policy", {}, {}};
    for (const Tunnel& tunnel : draft.policy.tunnels) {
        if (tunnel.ipsec && way.number.empty()) {
            apply_terms(draft, tunnel, way);
        }
    }
    return way;
}

std::vector<Way> ways_of(const Draft& draft) {
    std::vector<Way> ways;
    for (const LiveTunnel& tunnel : draft.situation.tunnels_up) {
        Way way{device_of(tunnel, Far::destination),
                device_of(tunnel, Far::source),
                fmt::format("tunnel {}", name_of(tunnel)),
                {},
                {}};
        if (const Tunnel* const known = tunnel_of(draft.policy, tunnel)) {
            apply_terms(draft, *known, way);
        }
        ways.push_back(std::move(way));
    }
    if (!draft.situation.ipsec_up.empty()) {
        ways.push_back(way_of_ipsec(draft));
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

template <class T>
void append(std::vector<T>& all, const std::vector<T>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

/// A rule that lets in what `then` would, less private destinations where the tunnel refuses them.
/// \param who  Whose packets they are: begins the name of the chain.
Rule terms_of_leaving(Draft& draft, const Way& way, Rule then, const std::string& who) {
    if (way.tunnel == nullptr || way.tunnel->private_use == PrivateUse::allow) {
        return then;
    }
    std::vector<Match> matches = std::exchange(then.matches, {});
    Rule rule = without_private(draft, *way.tunnel, then,
                                fmt::format("{}_{}{}", kPublicChain, who, way.number));
    rule.matches = std::move(matches);
    return rule;
}

/// Packets that another table translates to a guest, from a port that `inbound` names.
void add_published(Draft& draft, const Way& way, const Match& guest) {
    for (const std::vector<Match>& port : translated(way.inbound)) {
        std::vector<Match> in = in_tunnel(draft.policy, way.out_of);
        in.push_back(guest);
        append(in, port);
        draft.forward.rules.push_back(accept(std::move(in), "published by a guest"));
        std::vector<Match> leaving{guest};  // `forward` has seen where it came from.
        append(leaving, port);
        draft.postrouting.rules.push_back(accept(std::move(leaving), "published by a guest"));
    }
}

/// Packets of guests go into the tunnel; out of it come answers, and what the config names.
void add_guests_of(Draft& draft, const Way& way) {
    const std::vector<LinkNetwork>& guests = draft.situation.around.guests;
    for (Match& guest : interfaces(draft, guests, Far::source, "guest_links")) {
        std::vector<Match> out = in_tunnel(draft.policy, {std::move(guest)});
        out.insert(out.end(), way.into.begin(), way.into.end());
        if (draft.policy.dns_servers) {
            draft.forward.rules.push_back({out, {}, Verdict::jump, kGuestDns, "guest"});
        }
        draft.forward.rules.push_back(
            terms_of_leaving(draft, way, accept(std::move(out), "guest"), "guests_"));
    }
    for (const Match& guest : interfaces(draft, guests, Far::destination, "guest_links")) {
        std::vector<Match> in = in_tunnel(draft.policy, way.out_of);
        in.push_back(guest);
        in.emplace_back(match::CtEstablished{});
        draft.forward.rules.push_back(accept(std::move(in), "answers to a guest"));
        // Not by network: a guest may be the router of another one.
        draft.postrouting.rules.push_back(
            accept({guest, match::CtEstablished{}}, "answers to a guest"));
        add_published(draft, way, guest);
    }
}

/// What may pass by one way, of this host and of guests.
void add_way(Draft& draft, const Way& way) {
    const Policy& policy = draft.policy;
    const bool all = way.inbound.all;
    std::vector<Match> out = in_tunnel(policy, way.into);
    // Order: first, for it makes the sets of flows.
    Rule leaving = all ? accept(out, way.comment) : into_tunnel(draft, out, way.comment);
    if (policy.dns_servers) {
        add_bootstrap_in(draft, way.into, all ? Answers::all : Answers::remembered);
        draft.output.rules.push_back({out, {}, Verdict::jump, kHostDns, way.comment});
    }
    draft.output.rules.push_back(terms_of_leaving(draft, way, std::move(leaving), {}));
    // What `scope: apps` leaves free may use IPv6 as well, and everybody hears what comes of it.
    std::vector<Match> in =
        policy.scope == Scope::apps ? way.out_of : in_tunnel(policy, way.out_of);
    draft.input.rules.push_back(
        all ? accept(std::move(in), way.comment)
            : out_of_tunnel(draft, std::move(in), way.inbound, way.number, way.comment));
    if (policy.guests.reach == Guests::Reach::tunnel) {
        add_guests_of(draft, way);
    }
}

bool is_inside(const Way& way) {
    return way.tunnel != nullptr && !way.tunnel->via.empty();
}

}  // namespace

void add_tunnels(Draft& draft) {
    const std::vector<Way> ways = ways_of(draft);
    add_carriers(draft);
    for (const Way& way : ways) {
        if (is_inside(way)) {
            add_way(draft, way);
        }
    }
    // Order: the servers of those are reached by no other tunnel either.
    add_carrier_guard(draft);
    for (const Way& way : ways) {
        if (!is_inside(way)) {
            add_way(draft, way);
        }
    }
    if (is_used(draft.output.rules, kHostDns)) {
        add_dns_servers(draft, kHostDns, then_remembered(draft));
    }
    if (is_used(draft.forward.rules, kGuestDns)) {
        add_dns_servers(draft, kGuestDns, accept({}, {}));
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
    for (const auto* const tunnels : {&draft.situation.tunnels_up, &draft.situation.carriers}) {
        for (const LiveTunnel& tunnel : *tunnels) {
            arp.rules.push_back(accept({match::InInterface{tunnel.interface}},
                                       fmt::format("tunnel {}", tunnel.interface)));
        }
    }
    std::ranges::move(refused, std::back_inserter(arp.rules));
    arp.rules.push_back(accept({}, "all other addresses"));
    draft.others.push_back(std::move(arp));
}

}  // namespace ks
