// SPDX-License-Identifier: GPL-2.0-or-later
#include "inbound_rules.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/situation.hpp"
#include "places.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

using Far = match::InSet::Far;

constexpr const char* kRemember = "asked";  ///< The chain that fills the sets of flows.
constexpr const char* kAnswers = "from_tunnel";

match::InSet flows(IpFamily family, Far far) {
    return {far, {family, SetKey::Of::answer}, family == IpFamily::v4 ? "asked4" : "asked6"};
}

/// The families that may be in a tunnel. Programs that `scope: apps` leaves free use both.
std::vector<IpFamily> families(const Draft& draft) {
    const bool both = draft.policy.ipv6 == Ipv6::tunnel || draft.policy.scope == Scope::apps;
    return both ? std::vector{IpFamily::v4, IpFamily::v6} : std::vector{IpFamily::v4};
}

void ensure_flows(Draft& draft) {
    if (std::ranges::find(draft.others, kRemember, &Chain::name) != draft.others.end()) {
        return;
    }
    for (const IpFamily family : families(draft)) {
        const match::InSet of_family = flows(family, Far::destination);
        draft.sets.push_back({of_family.set, of_family.key, {}});
    }
    Chain chain{kRemember, std::nullopt, remembering(draft, {}, {})};
    chain.rules.push_back(accept({}, {}));  // Also where a set is full: only answers are lost then.
    draft.others.push_back(std::move(chain));
}

void add_icmp(std::vector<Rule>& rules, IpFamily family) {
    // Errors are the kernel's to check: it knows the sockets that they are about.
    // Source: RFC 792; RFC 4443, section 2.1.
    static const std::vector<std::uint8_t> kAnswers4{0, 3, 11, 12};
    static const std::vector<std::uint8_t> kAnswers6{1, 2, 3, 4, 129};
    const bool v4 = family == IpFamily::v4;
    for (const std::uint8_t type : v4 ? kAnswers4 : kAnswers6) {
        rules.push_back(
            accept({match::Family{family}, match::Protocol{v4 ? proto::kIcmp : proto::kIcmpv6},
                    match::IcmpType{type}},
                   "errors and echo replies"));
    }
}

/// A tap device, and PPP, are links with neighbours. Fragments are nothing without their first one.
void add_link6(std::vector<Rule>& rules) {
    constexpr std::uint8_t kRouterAdvert = 134;
    constexpr std::uint8_t kNeighbourAdvert = 136;
    for (std::uint8_t type = kRouterAdvert; type <= kNeighbourAdvert; ++type) {
        rules.push_back(accept({match::Family{IpFamily::v6}, match::Protocol{proto::kIcmpv6},
                                match::IcmpType{type}, match::HopLimit{kNeighbourHopLimit}},
                               "neighbour discovery"));
    }
    rules.push_back(accept({match::Family{IpFamily::v6}, match::LaterFragment{IpFamily::v6}},
                           "fragments of what may enter"));
}

/// The most frequent first. Connection tracking is never asked: it costs every packet more than
/// all of this.
std::vector<Rule> answers(const Draft& draft) {
    std::vector<Rule> rules{
        accept({match::Protocol{proto::kTcp}, match::TcpNotOpening{}}, "TCP that does not open")};
    for (const IpFamily family : families(draft)) {
        rules.push_back(accept(
            {match::Family{family}, match::Protocol{proto::kUdp}, flows(family, Far::source)},
            "answers by UDP"));
    }
    for (const IpFamily family : families(draft)) {
        add_icmp(rules, family);
    }
    if (families(draft).size() > 1) {
        add_link6(rules);
    }
    return rules;
}

}  // namespace

Inbound inbound_of(const Draft& draft, const Tunnel& tunnel) {
    Inbound inbound = tunnel.inbound;
    const auto found = draft.situation.open_ports.find(tunnel.name);
    if (!inbound.all && found != draft.situation.open_ports.end()) {
        for (const PortSpec& port : found->second) {
            if (std::ranges::find(inbound.ports, port) == inbound.ports.end()) {
                inbound.ports.push_back(port);
            }
        }
    }
    return inbound;
}

match::InSet flow_of(IpFamily family) {
    return flows(family, Far::destination);
}

std::vector<Rule> remembering(const Draft& draft, const std::vector<Match>& first,
                              const std::string& comment) {
    std::vector<Rule> rules;
    for (const Set& set : draft.sets) {
        if (set.key.of != SetKey::Of::answer) {
            continue;
        }
        std::vector<Match> matches = first;
        matches.emplace_back(match::Family{set.key.family});
        matches.emplace_back(match::Protocol{proto::kUdp});
        rules.push_back(accept(std::move(matches), comment));
        rules.back().learn = flows(set.key.family, Far::destination);
    }
    return rules;
}

Rule then_remembered(const Draft& draft) {
    const bool asked =
        std::ranges::find(draft.others, kRemember, &Chain::name) != draft.others.end();
    return asked ? Rule{{}, {}, Verdict::jump, kRemember, {}} : accept({}, {});
}

std::vector<Rule> remembering_the_free(const Draft& draft, const std::string& comment) {
    std::vector<Rule> all;
    for (const LiveTunnel& live : draft.situation.tunnels_up) {
        const std::vector<Rule> rules =
            remembering(draft, device_of(live, Far::destination), comment);
        std::ranges::copy_if(rules, std::back_inserter(all), [&](const Rule& rule) {
            return draft.policy.ipv6 == Ipv6::block && rule.learn->key.family == IpFamily::v6;
        });
    }
    return all;
}

Rule into_tunnel(Draft& draft, std::vector<Match> into, std::string comment) {
    ensure_flows(draft);
    return {std::move(into), {}, Verdict::jump, kRemember, std::move(comment)};
}

Rule out_of_tunnel(Draft& draft, std::vector<Match> out_of, const Inbound& inbound,
                   const std::string& number, std::string comment) {
    const std::string name =
        inbound.ports.empty() ? kAnswers : fmt::format("{}_{}", kAnswers, number);
    if (std::ranges::find(draft.others, name, &Chain::name) == draft.others.end()) {
        Chain chain{name, std::nullopt, answers(draft)};
        for (const PortSpec& spec : inbound.ports) {
            chain.rules.push_back(
                accept({match::Protocol{spec.protocol}, match::DestinationPort{spec.ports}},
                       "may be opened from the VPN's side"));
        }
        chain.rules.push_back({{}, reason::kTunnelInbound, Verdict::drop, {}, "unasked-for"});
        draft.others.push_back(std::move(chain));
    }
    return {std::move(out_of), {}, Verdict::jump, name, std::move(comment)};
}

std::vector<std::vector<Match>> translated(const Inbound& inbound) {
    if (inbound.all) {
        return {{match::Translated{}}};
    }
    std::vector<std::vector<Match>> all;
    for (const PortSpec& spec : inbound.ports) {
        all.push_back({match::Protocol{spec.protocol}, match::Translated{spec.ports}});
    }
    return all;
}

}  // namespace ks
