// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/engine.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/expected_table.hpp"
#include "killswitchd/live_table.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/step.hpp"
#include "offline.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ks::cli {

namespace {

/// Expressions as the kernel reports them -> nft text, for every rule that this config can have.
std::map<std::string, std::string> known_rules(const State& state) {
    std::map<std::string, std::string> known;
    for (const StateName name : {StateName::locked, StateName::panic, state.situation.state}) {
        Situation situation = state.situation;
        situation.state = name;
        const auto ruleset = compile(state.policy, situation);
        const auto expected = ruleset ? expected_table(*ruleset) : Result(LiveTable{});
        if (!ruleset || !expected) {
            continue;
        }
        for (const Chain& chain : ruleset->chains) {
            const auto encoded = std::ranges::find(expected->chains, chain.name, &LiveChain::name);
            for (std::size_t i = 0; i < chain.rules.size(); ++i) {
                known[encoded->rules[i].expressions] = render_text(chain.rules[i]);
            }
        }
    }
    return known;
}

std::vector<std::string> expressions_of(const LiveTable& table, const std::string& chain) {
    std::vector<std::string> all;
    const auto found = std::ranges::find(table.chains, chain, &LiveChain::name);
    if (found != table.chains.end()) {
        for (const LiveRule& rule : found->rules) {
            all.push_back(rule.expressions);
        }
    }
    return all;
}

/// Prints the rules of one chain that are on one side only, in order.
void print_chain(const Options& options, const std::string& name,
                 const std::vector<std::string>& should, const std::vector<std::string>& is,
                 const std::map<std::string, std::string>& known) {
    if (should == is) {
        return;
    }
    fmt::print("chain {}\n", name);
    const auto shown = [&](const std::string& expressions) {
        const auto text = known.find(expressions);
        return text == known.end() ? "(not ours) " + expressions : text->second;
    };
    // Rules repeat only by accident, so counting them is as good as aligning them.
    std::map<std::string, int> balance;
    for (const std::string& rule : should) {
        ++balance[rule];
    }
    for (const std::string& rule : is) {
        if (--balance[rule] < 0) {
            fmt::print("{}\n", paint(options, Tone::bad,
                                     fmt::format("  in the kernel only: {}", shown(rule))));
        }
    }
    for (const std::string& rule : should) {
        if (balance[rule]-- > 0) {
            fmt::print("{}\n", paint(options, Tone::good,
                                     fmt::format("  missing in the kernel: {}", shown(rule))));
        }
    }
}

}  // namespace

int diff(const Options& options) {
    const World world = observe(options);
    if (!world.config.ok()) {
        complain(world.config.diagnostics);
        return kConfigInvalid;
    }
    auto nftables = Nftables::open(Ownership::off);
    if (!nftables) {
        return fail(nftables.error());
    }
    const auto live = nftables->read();
    if (!live) {
        return fail(live.error());
    }
    const auto lines = differences_to(world.state.wanted, *live);
    if (lines.empty()) {
        fmt::print("no difference: the kernel holds the rules of state {}\n",
                   word(world.state.situation.state));
        return kDone;
    }
    if (!*live || !world.state.wanted) {
        fmt::print("{}\n", lines[0]);
        return kFailed;
    }
    const auto expected = expected_table(*world.state.wanted);
    if (!expected) {
        return fail(expected.error());
    }
    for (const std::string& line : lines) {
        if (line.find(" rule ") == std::string::npos &&
            line.find(" rules, ") == std::string::npos) {
            fmt::print("{}\n", line);
        }
    }
    const auto known = known_rules(world.state);
    for (const LiveChain& chain : expected->chains) {
        print_chain(options, chain.name, expressions_of(*expected, chain.name),
                    expressions_of(**live, chain.name), known);
    }
    return kFailed;
}

}  // namespace ks::cli
