// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/ended.hpp"

#include "killswitchd/sets.hpp"
#include "objects.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ks {

namespace {

/// Whether every element of a set of ours has ended by itself.
bool has_ended(const ObservedSet& set, std::chrono::nanoseconds now) {
    const bool of_ours =
        set.name == kPausedSet || set.name == kPausedUsersSet || set.name == kPausedAnswersSet;
    return of_ours && !set.by_rules && set.elements.empty() &&
           std::ranges::none_of(set.timed,
                                [&](const auto& element) { return element.second > now; });
}

/// The expressions of a rule that asks whether something is in a set.
std::string question(SetKey::Of of, const std::string& set) {
    const match::InSet in{match::InSet::Far::destination, {IpFamily::v4, of}, set};
    const NftRule made = make_rule("", {{in}, {}, Verdict::next, {}, {}}, TableFamily::inet);
    return made ? describe_expressions(made.get()) : std::string();
}

/// Whether a rule asks that first: then it does nothing where the set has no elements.
bool asks_first(const ObservedRule& rule, const std::string& set) {
    const auto of = set == kPausedUsersSet ? SetKey::Of::user : SetKey::Of::packet_type;
    const std::string first = question(of, set);
    return !first.empty() && rule.expressions.starts_with(first);
}

}  // namespace

void drop_ended(ObservedTables& observed, const std::optional<Ruleset>& desired,
                std::chrono::nanoseconds now) {
    const auto wanted = [&](const ObservedSet& set) {
        return desired &&
               std::ranges::find(desired->sets, set.name, &Set::name) != desired->sets.end();
    };
    for (auto& [family, table] : observed) {
        std::vector<std::string> ended;
        std::erase_if(table.sets, [&](const ObservedSet& set) {
            const bool gone = has_ended(set, now) && !wanted(set);
            if (gone) {
                ended.push_back(set.name);
            }
            return gone;
        });
        for (ObservedChain& chain : table.chains) {
            std::erase_if(chain.rules, [&](const ObservedRule& rule) {
                return std::ranges::any_of(
                    ended, [&](const std::string& set) { return asks_first(rule, set); });
            });
        }
    }
}

}  // namespace ks
