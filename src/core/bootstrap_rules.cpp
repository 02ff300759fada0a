// SPDX-License-Identifier: GPL-2.0-or-later
#include "bootstrap_rules.hpp"

#include "inbound_rules.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace ks {

namespace {

constexpr PortRange kDns{53, 53};
constexpr const char* kComment = "names of endpoints";

/// Invariant: only our own user, only the configured servers, only port 53. A tunnel that is up
/// takes these rules away.
bool asks_outside(const Draft& draft) {
    return draft.policy.bootstrap.user && draft.situation.state == StateName::locked;
}

/// One list of matches for each server and protocol; all end in the user.
std::vector<std::vector<Match>> questions(const Bootstrap& bootstrap) {
    std::vector<std::vector<Match>> all;
    for (const IpAddress& server : bootstrap.servers) {
        for (const std::uint8_t protocol : {proto::kUdp, proto::kTcp}) {
            all.push_back({match::Family{server.family},
                           match::Destination{Prefix::of(server, server.bits())},
                           match::Protocol{protocol}, match::DestinationPort{kDns},
                           match::User{*bootstrap.user}});
        }
    }
    return all;
}

bool is_udp(const std::vector<Match>& matches) {
    return std::ranges::find(matches, Match{match::Protocol{proto::kUdp}}) != matches.end();
}

}  // namespace

void add_bootstrap(Draft& draft) {
    const Bootstrap& bootstrap = draft.policy.bootstrap;
    if (!asks_outside(draft)) {
        return;
    }
    for (std::vector<Match>& question : questions(bootstrap)) {
        draft.output.rules.push_back(accept(std::move(question), kComment));
    }
    for (const IpAddress& server : bootstrap.servers) {
        const match::Source from{Prefix::of(server, server.bits())};
        draft.input.rules.push_back(accept({match::Family{server.family}, from,
                                            match::Protocol{proto::kUdp}, match::SourcePort{kDns}},
                                           kComment));
        draft.input.rules.push_back(
            accept({match::Family{server.family}, from, match::Protocol{proto::kTcp},
                    match::SourcePort{kDns}, match::TcpNotOpening{}},
                   kComment));
    }
}

void add_bootstrap_in(Draft& draft, const std::vector<Match>& into, Answers answers) {
    if (!draft.policy.bootstrap.user) {
        return;
    }
    for (const std::vector<Match>& question : questions(draft.policy.bootstrap)) {
        const auto& family = std::get<match::Family>(question.front());
        if (family.family == IpFamily::v6 && draft.policy.ipv6 == Ipv6::block) {
            continue;
        }
        std::vector<Match> matches = into;
        matches.insert(matches.end(), question.begin(), question.end());
        Rule rule = accept(std::move(matches), kComment);
        if (answers == Answers::remembered && is_udp(question)) {
            draft.output.rules.push_back(rule);
            draft.output.rules.back().learn = flow_of(family.family);
        }
        draft.output.rules.push_back(std::move(rule));  // Also where the set of flows is full.
    }
}

bool bootstraps_by_ipv6(const Draft& draft) {
    return asks_outside(draft) &&
           std::ranges::any_of(draft.policy.bootstrap.servers, [](const IpAddress& server) {
               return server.family == IpFamily::v6;
           });
}

}  // namespace ks
