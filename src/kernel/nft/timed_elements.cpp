// SPDX-License-Identifier: GPL-2.0-or-later
#include "timed_elements.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <string>

namespace ks {

namespace {

/// From the moment that a timeout is counted from until the kernel begins to count it; its clock
/// ticks, too, and stands still in a suspend.
constexpr std::chrono::seconds kLate{2};
/// From the moment that the kernel is asked until it answers.
constexpr std::chrono::milliseconds kEarly{200};

using Timed = std::map<std::string, std::chrono::nanoseconds>;

Timed alive(const Timed& all, std::chrono::nanoseconds now) {
    Timed left;
    std::ranges::copy_if(all, std::inserter(left, left.end()),
                         [&](const auto& element) { return element.second > now; });
    return left;
}

}  // namespace

bool ends_in_time(const ObservedSet& should, const ObservedSet& is) {
    return std::ranges::all_of(is.timed, [&](const auto& element) {
        const auto wanted = should.timed.find(element.first);
        return wanted != should.timed.end() && element.second <= wanted->second + kLate;
    });
}

bool same_ends(const ObservedSet& should, const ObservedSet& is, std::chrono::nanoseconds now) {
    return std::ranges::equal(
        alive(should.timed, now), alive(is.timed, now), [](const auto& wanted, const auto& there) {
            return wanted.first == there.first && there.second <= wanted.second + kLate &&
                   there.second >= wanted.second - kEarly;
        });
}

}  // namespace ks
