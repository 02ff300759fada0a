// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/ended.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// Whether every element of a set of ours has ended by itself.
bool has_ended(const ObservedSet& set, std::chrono::nanoseconds now) {
    const bool of_ours = set.name == kPausedSet;
    return of_ours && !set.by_rules && set.elements.empty() &&
           std::ranges::none_of(set.timed,
                                [&](const auto& element) { return element.second > now; });
}

/// Whether the first that a rule asks is whether the set has something.
bool asks_first(const ObservedRule& rule, const std::string& set) {
    for (const char* const what : {"pkttype", "skuid"}) {
        if (rule.expressions.starts_with(
                fmt::format("[ meta load {} => reg 1 ] [ lookup reg 1 set {} 0x0 ]", what, set))) {
            return true;
        }
    }
    return false;
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
