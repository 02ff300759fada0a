// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/time.hpp"

#include <chrono>
#include <ctime>
#include <optional>
#include <string>

#include <fmt/format.h>

namespace ks {

std::string utc_now() {
    return utc_text(std::chrono::system_clock::now());
}

std::string utc_text(std::chrono::system_clock::time_point moment) {
    using namespace std::chrono;
    const std::time_t seconds = system_clock::to_time_t(moment);
    const auto milliseconds =
        duration_cast<std::chrono::milliseconds>(moment.time_since_epoch()) % 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                       milliseconds.count());
}

std::optional<std::chrono::system_clock::time_point> moment_in(const std::string& utc_text) {
    std::tm parts{};
    const char* const rest = strptime(utc_text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr || !utc_text.ends_with('Z')) {
        return std::nullopt;
    }
    using Clock = std::chrono::system_clock;
    constexpr auto kLast = std::chrono::duration_cast<std::chrono::seconds>(Clock::duration::max());
    const std::time_t seconds = timegm(&parts);
    if (seconds < -kLast.count() || seconds > kLast.count()) {  // The clock ends in 2262.
        return std::nullopt;
    }
    return Clock::from_time_t(seconds);
}

std::optional<std::string> local_clock(const std::string& utc_text) {
    const auto moment = moment_in(utc_text);
    if (!moment) {
        return std::nullopt;
    }
    const std::time_t seconds = std::chrono::system_clock::to_time_t(*moment);
    std::tm parts{};
    localtime_r(&seconds, &parts);
    return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::chrono::nanoseconds since_boot() noexcept {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace ks
