// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/status_report.hpp"

#include <ctime>
#include <string>

namespace ks::cli {

/// "14:07" of the local clock, with the day when that is another one than `now`.
[[nodiscard]] std::string clock_text(std::time_t moment, std::time_t now);

/// The headline, with the time at which a pause ends. As long as it takes.
[[nodiscard]] std::string headline_at(const StatusReport& report, std::time_t now);

/// What `status` shows: the headline, then what is behind it, in lines that fit every terminal.
/// Nothing in it can steer one. Times are local.
///
/// \param now    The wall clock.
/// \param start  The command that starts the service.
[[nodiscard]] std::string status_screen(const StatusReport& report, std::time_t now,
                                        const std::string& start);

}  // namespace ks::cli
