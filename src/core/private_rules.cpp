// SPDX-License-Identifier: GPL-2.0-or-later
#include "private_rules.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/tunnels.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace ks {

namespace {

/// What no public host has, and what only the link hears.
const std::vector<Prefix>& ranges() {
    static const std::vector<Prefix> all{
        *Prefix::parse("10.0.0.0/8"),     *Prefix::parse("100.64.0.0/10"),
        *Prefix::parse("169.254.0.0/16"), *Prefix::parse("172.16.0.0/12"),
        *Prefix::parse("192.168.0.0/16"), *Prefix::parse("224.0.0.0/24"),
        *Prefix::parse("239.0.0.0/8"),    *Prefix::parse("255.255.255.255"),
        *Prefix::parse("fc00::/7"),       *Prefix::parse("fe80::/10")};
    return all;
}

bool fits(const Draft& draft, IpFamily family) {
    return family == IpFamily::v4 || draft.policy.ipv6 == Ipv6::tunnel;
}

std::vector<Match> towards(const Prefix& network) {
    return {match::Family{network.address.family}, match::Destination{network}};
}

/// The networks of the interfaces that are this tunnel now.
std::vector<std::vector<Match>> own_networks(const Draft& draft, const Tunnel& tunnel) {
    std::vector<std::vector<Match>> all;
    for (const LinkNetwork& own : draft.situation.around.tunnel_networks) {
        const auto& up = draft.situation.tunnels_up;
        const auto live = std::ranges::find(up, own.interface, &LiveTunnel::interface);
        if (live != up.end() && tunnel_of(draft.policy, *live) == &tunnel &&
            fits(draft, own.network.address.family)) {
            all.push_back({match::OutInterface{own.interface}});
            const std::vector<Match> network = towards(own.network);
            all.back().insert(all.back().end(), network.begin(), network.end());
        }
    }
    return all;
}

}  // namespace

Rule without_private(Draft& draft, const Tunnel& tunnel, const Rule& then,
                     const std::string& name) {
    if (std::ranges::find(draft.others, name, &Chain::name) == draft.others.end()) {
        Chain chain{name, std::nullopt, {}};
        const auto let = [&](std::vector<Match> matches, std::string comment) {
            chain.rules.push_back(then);
            chain.rules.back().matches = std::move(matches);
            chain.rules.back().comment = std::move(comment);
        };
        for (std::vector<Match>& own : own_networks(draft, tunnel)) {
            let(std::move(own), "the tunnel's own network");
        }
        for (const IpAddress& server :
             draft.policy.dns_servers.value_or(std::vector<IpAddress>{})) {
            if (fits(draft, server.family)) {
                let(towards(Prefix::of(server, server.bits())), "DNS server");
            }
        }
        for (const Prefix& range : ranges()) {
            if (fits(draft, range.address.family)) {
                chain.rules.push_back(refuse(towards(range), reason::kPrivate));
            }
        }
        if (fits(draft, IpFamily::v6)) {  // But neighbour discovery, which a tap device needs.
            std::vector<Match> groups = towards(*Prefix::parse("ff02::/16"));
            groups.emplace_back(match::Protocol{proto::kUdp});
            chain.rules.push_back(refuse(std::move(groups), reason::kPrivate));
        }
        let({}, then.comment);
        draft.others.push_back(std::move(chain));
    }
    Rule through = then;
    through.verdict = Verdict::jump;
    through.target = name;
    return through;
}

}  // namespace ks
