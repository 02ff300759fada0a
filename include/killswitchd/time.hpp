// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace ks {

/// The wall clock as RFC 3339 in UTC with milliseconds: "2026-01-31T23:59:59.123Z".
[[nodiscard]] std::string utc_now();
/// The same for another moment.
[[nodiscard]] std::string utc_text(std::chrono::system_clock::time_point moment);
/// The moment in such a text, to the second; absent for any other text, and for a moment that the
/// clock cannot show.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point>
moment_in(const std::string& utc_text);
/// The time of day there, "23:59:59" in the machine's time zone; absent as in moment_in().
[[nodiscard]] std::optional<std::string> local_clock(const std::string& utc_text);

/// A moment of one boot of the machine. Time spent in suspend counts; setting the clock does not.
struct Instant {
    std::string boot;  ///< Names the boot; moments of different boots cannot be compared.
    std::chrono::nanoseconds since_boot{};
    friend bool operator==(const Instant&, const Instant&) = default;
};

/// Time since boot, with suspend. Source: clock_gettime(2), CLOCK_BOOTTIME.
[[nodiscard]] std::chrono::nanoseconds since_boot() noexcept;

}  // namespace ks
