// SPDX-License-Identifier: GPL-2.0-or-later
#include "rule_edits.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ks {

std::vector<std::optional<std::size_t>> kept_rules(const std::vector<ObservedRule>& observed,
                                                   const std::vector<ObservedRule>& desired) {
    std::vector<std::optional<std::size_t>> kept(desired.size());
    std::size_t observed_end = observed.size();
    std::size_t desired_end = desired.size();
    while (observed_end > 0 && desired_end > 0 &&
           observed[observed_end - 1] == desired[desired_end - 1]) {
        kept[--desired_end] = --observed_end;
    }
    std::unordered_map<std::string_view, std::size_t> last;  // Where such a rule stands at last.
    for (std::size_t i = 0; i < observed_end; ++i) {
        last[observed[i].expressions] = i;
    }
    std::size_t from = 0;
    for (std::size_t i = 0; i < desired_end; ++i) {
        const auto there = last.find(desired[i].expressions);
        if (there == last.end() || there->second < from) {
            continue;
        }
        const auto end = observed.begin() + static_cast<std::ptrdiff_t>(there->second) + 1;
        const auto found =
            std::find(observed.begin() + static_cast<std::ptrdiff_t>(from), end, desired[i]);
        if (found != end) {
            kept[i] = static_cast<std::size_t>(found - observed.begin());
            from = *kept[i] + 1;
        }
    }
    return kept;
}

}  // namespace ks
