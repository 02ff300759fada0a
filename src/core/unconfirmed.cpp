// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/unconfirmed.hpp"

#include "killswitchd/time.hpp"

#include <array>
#include <cstddef>
#include <ctime>
#include <string_view>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::string_view kNobody = "nobody confirmed ";
constexpr std::string_view kAt = " armed at ";
constexpr std::string_view kFor = " for ";

std::string local_clock(const std::string& utc) {
    const auto moment = moment_in(utc);
    if (!moment) {
        return utc;
    }
    const std::time_t seconds = std::chrono::system_clock::to_time_t(*moment);
    std::tm parts{};
    std::array<char, 16> text{};
    localtime_r(&seconds, &parts);
    std::strftime(text.data(), text.size(), "%H:%M:%S", &parts);
    return text.data();
}

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
    return fmt::format("arming at {} was not confirmed within {} s, and was undone",
                       local_clock(by.substr(time, within - time)),
                       by.substr(seconds, end - seconds));
}

}  // namespace ks
