// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/unconfirmed.hpp"

#include "killswitchd/time.hpp"

#include <cstddef>
#include <string_view>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::string_view kNobody = "nobody confirmed ";
constexpr std::string_view kAt = " armed at ";
constexpr std::string_view kFor = " for ";

}  // namespace

std::string armed_for(const std::string& who, const std::string& utc, std::chrono::seconds within) {
    return fmt::format("{}{}{}{}{} s", who, kAt, utc, kFor, within.count());
}

std::string behind(const Intents& before, const Intents& after, std::string by) {
    const bool undone = before.confirm_by && !after.confirm_by && after.disarmed;
    return undone ? fmt::format("{}{}", kNobody, by) : std::move(by);
}

std::optional<std::string> unconfirmed(const std::string& by) {
    if (!by.starts_with(kNobody)) {
        return std::nullopt;
    }
    const std::size_t at = by.find(kAt);
    const std::size_t within = at == std::string::npos ? at : by.find(kFor, at);
    const std::size_t end = within == std::string::npos ? within : by.find(" s", within);
    if (end == std::string::npos) {
        return "arming was not confirmed in time, and was undone";
    }
    const std::size_t time = at + kAt.size();
    const std::size_t seconds = within + kFor.size();
    const std::string when = by.substr(time, within - time);
    return fmt::format("arming at {} was not confirmed within {} s, and was undone",
                       local_clock(when).value_or(when), by.substr(seconds, end - seconds));
}

}  // namespace ks
