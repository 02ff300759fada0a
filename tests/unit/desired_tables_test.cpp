// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/desired_tables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "policies.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::test;

namespace {

Described described(const Ruleset& ruleset) {
    return {ruleset, *desired_tables(ruleset)};
}

bool same(const ObservedTables& left, const ObservedTables& right) {
    if (left.size() != right.size()) {
        return false;
    }
    for (const auto& [family, table] : left) {
        const ObservedTable* const other = find_table(right, family);
        if (other == nullptr || table.chains != other->chains || table.sets != other->sets ||
            table.counters != other->counters) {
            return false;
        }
    }
    return true;
}

/// One chain with a rule for each letter.
Ruleset chain_of(const std::string& letters) {
    Chain chain{"output", Hook::output, {}};
    for (const char letter : letters) {
        const auto mark = static_cast<std::uint32_t>(letter);
        chain.rules.push_back(
            {{match::Mark{mark}}, {}, Verdict::accept, {}, std::string(1, letter)});
    }
    return {{}, {}, {chain}};
}

/// Every word of at most `length` letters out of two.
std::vector<std::string> words(std::size_t length) {
    std::vector<std::string> all{""};
    for (std::size_t i = 0; i < all.size() && all[i].size() < length; ++i) {
        const std::string word = all[i];
        all.push_back(word + "a");
        all.push_back(word + "b");
    }
    return all;
}

}  // namespace

TEST_CASE("what is known of other rules changes no description", "[kernel]") {
    for (const std::string& before : words(4)) {
        const Described known = described(chain_of(before));
        for (const std::string& after : words(4)) {
            INFO("from '" << before << "' to '" << after << "'");
            const Ruleset ruleset = chain_of(after);
            CHECK(same(*desired_tables(ruleset, known), *desired_tables(ruleset)));
        }
    }
}

TEST_CASE("what is known of another state or policy changes no description", "[kernel]") {
    std::vector<Ruleset> all{Ruleset(), builtin_lock()};
    Policy policy = wireguard_policy();
    for (std::uint16_t port = 1; port <= 9; ++port) {
        for (const StateName state : {StateName::locked, StateName::protected_, StateName::panic}) {
            Situation situation = situation_of(policy, state, {"wg0"});
            situation.around.uplinks = {{"eth0", 2, {}}};
            all.push_back(*compile(policy, situation));
        }
        policy.tunnels[0].endpoints.push_back(udp("203.0.113.8", port));  // Soon a set of them.
    }
    for (const Ruleset& before : all) {
        const Described known = described(before);
        for (const Ruleset& after : all) {
            CHECK(same(*desired_tables(after, known), *desired_tables(after)));
        }
    }
}
