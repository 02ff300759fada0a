// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_support.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/config_text.hpp"
#include "random_policy.hpp"
#include "random_world.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::testing;

namespace {

const CgroupIds kCgroups{{"a.slice", 17}, {"a.slice/b.service", 18}};
constexpr int kRounds = 400;

enum class Part { text, rules };

/// Whether choosing `key` anew ever changes that part of what a random policy comes to.
bool matters(const std::string& key, Part part) {
    test::Dice dice(20260728);
    for (int round = 0; round < kRounds; ++round) {
        const Policy before = test::random_policy(dice, kCgroups);
        Policy after = before;
        test::change(after, key, dice, kCgroups);
        test::Dice same = dice;
        test::Dice again = dice;
        const bool differs =
            part == Part::text ? config_text(before) != config_text(after)
                               : compile(before, test::random_situation(same, before, kCgroups)) !=
                                     compile(after, test::random_situation(again, after, kCgroups));
        if (differs) {
            return true;
        }
    }
    return false;
}

}  // namespace

TEST_CASE("every config key has random values, or a reason to have none", "[config][keys]") {
    const std::vector<std::string> keys = config_keys();
    const std::set<std::string> known(keys.begin(), keys.end());
    CHECK(known.size() == keys.size());

    for (const std::string& key : keys) {
        INFO(key);
        CHECK((test::generators().contains(key) || test::keys_without_rules().contains(key)));
    }
    for (const auto& [key, generate] : test::generators()) {
        INFO(key);
        CHECK(known.contains(key));
    }
    for (const auto& [key, reason] : test::keys_without_rules()) {
        INFO(key);
        CHECK(known.contains(key));
    }
}

TEST_CASE("what a key is set to is in the text, and in the rules unless a reason says why not",
          "[config][keys]") {
    for (const auto& [key, generate] : test::generators()) {
        INFO(key);
        CHECK(matters(key, Part::text));
        CHECK(matters(key, Part::rules) == !test::keys_without_rules().contains(key));
    }
}

TEST_CASE("a random policy that is written is read as the same policy", "[config][keys]") {
    test::Dice dice(test::seed());
    for (int round = 0; round < kRounds; ++round) {
        const Policy policy = test::random_policy(dice, kCgroups);
        const std::string text = config_text(policy);
        const LoadedConfig loaded = parse_text(text);
        if (!loaded.ok() || *loaded.policy != policy) {
            CAPTURE(text, findings(loaded));
            FAIL("another policy, or none");
        }
    }
}
