// SPDX-License-Identifier: GPL-2.0-or-later
#include "draft.hpp"

#include <fmt/format.h>

namespace ks {

namespace {

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

/// Matches of a packet of the families that may be in a tunnel.
std::vector<Match> in_tunnel(const Policy& policy, Match interface) {
    std::vector<Match> matches{std::move(interface)};
    if (policy.ipv6 == Ipv6::block) {
        matches.emplace_back(match::Family{IpFamily::v4});
    }
    return matches;
}

/// Packets of guests go into the tunnel; out of it come only answers.
void add_guests_of(Draft& draft, const std::string& tunnel) {
    std::string previous;
    for (const LinkNetwork& guest : draft.situation.around.guests) {
        if (guest.interface == previous) {
            continue;
        }
        previous = guest.interface;
        std::vector<Match> out = in_tunnel(draft.policy, match::InInterface{guest.interface});
        out.emplace_back(match::OutInterface{tunnel});
        const std::string comment = fmt::format("guest {}", guest.interface);
        if (draft.policy.dns_servers) {
            draft.forward.rules.push_back({out, {}, Verdict::jump, "tunnel_dns", comment});
        }
        draft.forward.rules.push_back(accept(std::move(out), comment));
        std::vector<Match> in = in_tunnel(draft.policy, match::InInterface{tunnel});
        in.emplace_back(match::OutInterface{guest.interface});
        in.emplace_back(match::CtEstablished{});
        draft.forward.rules.push_back(accept(std::move(in), comment));
    }
}

}  // namespace

void add_tunnels(Draft& draft) {
    const Policy& policy = draft.policy;
    for (const std::string& name : draft.situation.tunnels_up) {
        const std::string comment = fmt::format("tunnel {}", name);
        std::vector<Match> out = in_tunnel(policy, match::OutInterface{name});
        if (policy.dns_servers) {
            draft.output.rules.push_back({out, {}, Verdict::jump, "tunnel_dns", comment});
        }
        draft.output.rules.push_back(accept(std::move(out), comment));
        draft.input.rules.push_back(accept(in_tunnel(policy, match::InInterface{name}), comment));
        if (policy.guests.reach == Guests::Reach::tunnel) {
            add_guests_of(draft, name);
        }
    }
    if (policy.dns_servers && !draft.situation.tunnels_up.empty()) {
        add_dns_servers(draft, *policy.dns_servers);
    }
}

void add_spoof_guard(Draft& draft) {
    Chain arp{"arp_input", Hook::arp_input, {}};
    for (const IpAddress& own : draft.situation.around.tunnel_addresses) {
        // Whatever came through the tunnel, or from this host, was accepted before.
        draft.input.rules.push_back(
            {{match::Family{own.family}, match::Destination{Prefix::of(own, own.bits())}},
             reason::kSpoof,
             Verdict::drop,
             {},
             "not through the tunnel"});
        if (own.family == IpFamily::v4) {
            arp.rules.push_back(
                {{match::ArpTarget{own}}, {}, Verdict::drop, {}, "a tunnel's address"});
        }
    }
    if (arp.rules.empty()) {
        return;
    }
    arp.rules.push_back(accept({}, "all other addresses"));
    draft.others.push_back(std::move(arp));
}

}  // namespace ks
