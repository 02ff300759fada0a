// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/ruleset.hpp"
#include "random_policy.hpp"
#include "random_world.hpp"

#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace ks;
using namespace ks::test;

namespace {

using Words = std::set<std::string>;

/// Section of killswitchd-rules(7) -> what its paragraphs are about, names as "NAME".
std::map<std::string, Words> page() {
    std::map<std::string, Words> sections;
    std::ifstream file(std::getenv("KS_RULES_PAGE"));
    std::string section;
    bool tag = false;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(".SH ")) {
            section = line.substr(4);
        } else if (line == ".TP" || line == ".TQ") {
            tag = true;
        } else if (std::exchange(tag, false)) {
            std::string words = line.substr(line.find(' ') + 1);
            if (line.starts_with(".BI ")) {  // Its arguments stand without a space between.
                words = std::regex_replace(words, std::regex(" "), "");
            }
            words = std::regex_replace(words, std::regex(R"(\\~)"), " ");
            sections[section].insert(std::regex_replace(words, std::regex(R"(\\-)"), "-"));
        }
    }
    return sections;
}

/// As the page writes it.
std::string plain(const std::string& comment) {
    static const std::regex kFragments(", fragments$");
    static const std::regex kTag(" of a VLAN$");
    static const std::regex kNames("^(endpoint of|guest VLAN) .*$");
    static const std::regex kGuest("^guest (?!DHCP|VLAN|neighbour|to ).*$");
    static const std::regex kTunnel("^tunnel (?!by IPsec).*$");
    std::string text = std::regex_replace(comment, kFragments, "");
    text = std::regex_replace(text, kTag, "");
    text = std::regex_replace(text, kNames, "$1 NAME");
    text = std::regex_replace(text, kGuest, "guest NAME");
    return std::regex_replace(text, kTunnel, "tunnel NAME");
}

struct Seen {
    std::map<StateName, Words> accepted;
    Words reasons;
};

Seen seen_in_random_worlds() {
    constexpr int kWorlds = 3000;
    const CgroupIds cgroups{{"a.slice", 17}, {"a.slice/b.service", 18}};
    const std::vector<RawSupport> kSupport{RawSupport::every_device, RawSupport::kernel_can,
                                           RawSupport::kernel_cannot};
    Seen seen;
    Dice dice(seed());
    for (int i = 0; i < kWorlds; ++i) {
        const Policy policy = random_policy(dice, cgroups);
        Situation situation = random_situation(dice, policy, cgroups);
        situation.raw_support = dice.pick(kSupport);
        const auto rules = compile(policy, situation);
        if (!rules) {
            continue;
        }
        for (const Chain& chain : rules->chains) {
            for (const Rule& rule : chain.rules) {
                // Without a comment it is known by that of the rule which jumps there.
                if (rule.verdict == Verdict::accept && !rule.comment.empty()) {
                    seen.accepted[situation.state].insert(plain(rule.comment));
                }
                if (!rule.counter.empty()) {
                    seen.reasons.insert(rule.counter);
                }
            }
        }
    }
    return seen;
}

}  // namespace

TEST_CASE("killswitchd-rules(7) names what the compiled rules let pass in each state, and no more",
          "[rules-page]") {
    if (std::getenv("KS_RULES_PAGE") == nullptr) {
        WARN("KS_RULES_PAGE is not set");
        return;
    }
    const auto sections = page();
    Seen seen = seen_in_random_worlds();
    for (const StateName state : {StateName::locked, StateName::protected_}) {
        seen.accepted[state].insert("guest VLAN NAME");  // No random bridge has VLANs.
    }
    Words known = sections.at("IN EVERY STATE, A PANIC INCLUDED");

    CHECK(seen.accepted.at(StateName::panic) == known);
    known.insert(sections.at("LOCKED").begin(), sections.at("LOCKED").end());
    CHECK(seen.accepted.at(StateName::locked) == known);
    known.insert(sections.at("PROTECTED").begin(), sections.at("PROTECTED").end());
    CHECK(seen.accepted.at(StateName::protected_) == known);
    CHECK(seen.reasons == sections.at("REASONS"));
}
