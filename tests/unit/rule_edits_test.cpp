// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "kernel/nft/rule_edits.hpp"

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace ks;

std::vector<ObservedRule> rules(const std::string& letters) {
    std::vector<ObservedRule> made;
    for (const char letter : letters) {
        made.push_back({std::string(1, letter), {}, made.size() + 1});
    }
    return made;
}

/// The kept rules, a dot for each that has to be made.
std::string kept(const std::string& observed, const std::string& desired) {
    std::string shown;
    std::size_t from = 0;
    const auto all = kept_rules(rules(observed), rules(desired));
    REQUIRE(all.size() == desired.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i]) {
            REQUIRE(*all[i] >= from);  // Rising.
            REQUIRE(observed.at(*all[i]) == desired[i]);
            from = *all[i] + 1;
        }
        shown += all[i] ? desired[i] : '.';
    }
    return shown;
}

}  // namespace

TEST_CASE("rules that stay keep their places", "[rule-edits]") {
    CHECK(kept("", "").empty());
    CHECK(kept("", "abc") == "...");
    CHECK(kept("abc", "").empty());
    CHECK(kept("abc", "abc") == "abc");
    CHECK(kept("abc", "axbc") == "a.bc");
    CHECK(kept("abc", "xabcx") == ".abc.");
    CHECK(kept("abcde", "ace") == "ace");
    CHECK(kept("abcde", "axcye") == "a.c.e");
    CHECK(kept("bca", "abca") == ".bca");
    CHECK(kept("aba", "aa") == "aa");
    CHECK(kept("abc", "xyz") == "...");
}

TEST_CASE("a rule with another comment is another rule", "[rule-edits]") {
    std::vector<ObservedRule> observed = rules("abc");
    observed[1].comment = "old";

    const auto kept = kept_rules(observed, rules("abc"));

    CHECK(kept[0]);
    CHECK_FALSE(kept[1]);
    CHECK(kept[2]);
}

TEST_CASE("nothing is made anew when rules only come or only go", "[rule-edits]") {
    std::mt19937 dice(1);
    for (int round = 0; round < 1000; ++round) {
        std::string all(1 + dice() % 20, ' ');
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i] = static_cast<char>('a' + i);
        }
        std::string some;
        std::ranges::copy_if(all, std::back_inserter(some), [&](char) { return dice() % 2 == 0; });
        CHECK(kept(all, some) == some);
        const std::string grown = kept(some, all);
        CHECK(static_cast<std::size_t>(std::ranges::count(grown, '.')) == all.size() - some.size());
    }
}

TEST_CASE("whatever came of a chain, what is kept is in order", "[rule-edits]") {
    std::mt19937 dice(2);
    const auto any = [&] {
        std::string letters(dice() % 12, ' ');
        std::ranges::generate(letters, [&] { return static_cast<char>('a' + dice() % 4); });
        return letters;
    };
    for (int round = 0; round < 1000; ++round) {
        static_cast<void>(kept(any(), any()));
    }
}
