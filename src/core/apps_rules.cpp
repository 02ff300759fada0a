// SPDX-License-Identifier: GPL-2.0-or-later
#include "apps_rules.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ks {

namespace {

constexpr const char* kConfined = "confined to the tunnel";
constexpr const char* kNotConfined = "not confined";

const std::array<FlowSet, 2>& flow_sets() {
    static const std::array<FlowSet, 2> sets{
        {{IpFamily::v4, "free_flows4"}, {IpFamily::v6, "free_flows6"}}};
    return sets;
}

SetKey key_of(const FlowSet& set) {
    return {set.family, SetKey::Of::flow};
}

Rule jump(std::vector<Match> matches, const char* chain, const char* comment) {
    return {std::move(matches), {}, Verdict::jump, chain, comment};
}

/// The rules that tell the confined from the rest.
std::vector<Rule> selectors(const Draft& draft) {
    std::vector<Rule> rules;
    const auto confine = [&](Match sender) {
        rules.push_back(jump({std::move(sender)}, kConfinedChain, kConfined));
    };
    for (const std::string& path : confined_cgroups(draft.policy)) {
        if (const auto id = draft.situation.cgroups.find(path);
            id != draft.situation.cgroups.end()) {
            confine(match::Cgroup{path, id->second});
        }
    }
    for (const std::uint32_t uid : draft.policy.apps.users) {
        confine(match::User{uid});
    }
    for (const std::uint32_t gid : draft.policy.apps.groups) {
        confine(match::Group{gid});
    }
    rules.push_back(jump({match::HasUser{}}, kFreeChain, kNotConfined));
    rules.push_back(jump({match::Protocol{proto::kTcp}}, kUnownedChain, "of no socket in use"));
    rules.push_back(jump({}, kFreeChain, kNotConfined));
    rules.push_back({{}, {}, Verdict::drop, {}, "nothing passes here"});
    return rules;
}

/// The kernel itself opens connections (to file servers), and answers those that nobody awaits.
/// Neither is ever done by a socket that was closed.
Chain unowned_chain() {
    constexpr std::uint8_t kSyn = 0x02;
    constexpr std::uint8_t kResetAndAck = 0x14;
    const match::Protocol tcp{proto::kTcp};
    Chain chain{kUnownedChain, std::nullopt, {}};
    for (const std::uint8_t flags : {kSyn, kResetAndAck}) {
        chain.rules.push_back(jump({tcp, match::TcpFlags{flags}}, kFreeChain, "the kernel's own"));
    }
    for (const FlowSet& flows : flow_sets()) {
        chain.rules.push_back(
            jump({tcp, match::Family{flows.family},
                  match::InSet{match::InSet::Far::destination, key_of(flows), flows.name}},
                 kFreeChain, "of a free connection"));
    }
    chain.rules.push_back(jump({}, kConfinedChain, kConfined));
    chain.rules.back().carry = Carry::confined;
    return chain;
}

/// `common`, and the rest is free. Where a set is full its rule does not match, and the next one
/// does.
Chain free_chain(std::vector<Rule> common) {
    Chain chain{kFreeChain, std::nullopt, std::move(common)};
    for (const FlowSet& flows : flow_sets()) {
        Rule rule =
            accept({match::Family{flows.family}, match::Protocol{proto::kTcp}}, kNotConfined);
        rule.remember = flows;
        chain.rules.push_back(std::move(rule));
    }
    chain.rules.push_back(accept({}, kNotConfined));
    return chain;
}

}  // namespace

void restrict_to_apps(Draft& draft, const Common& common) {
    Chain confined{kConfinedChain, std::nullopt, std::move(draft.output.rules)};
    const auto first = confined.rules.begin();
    Chain free = free_chain({first, first + static_cast<std::ptrdiff_t>(common.output)});
    draft.output.rules = selectors(draft);
    draft.input.rules.resize(common.input);
    draft.input.rules.push_back(accept({}, kNotConfined));
    draft.forward.rules = {accept({}, kNotConfined)};
    draft.others.push_back(std::move(confined));
    draft.others.push_back(std::move(free));
    draft.others.push_back(unowned_chain());
    for (const FlowSet& flows : flow_sets()) {
        draft.sets.push_back({flows.name, key_of(flows), {}});
    }
}

}  // namespace ks
