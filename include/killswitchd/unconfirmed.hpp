// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/intents.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace ks {

/// Who asks to be armed until somebody confirms, and when, as it is kept for unconfirmed().
[[nodiscard]] std::string armed_for(const std::string& who, const std::string& utc,
                                    std::chrono::seconds within);

/// Who is behind the intents `after`, which expire() made of `before`: `by`, or nobody who
/// confirmed in time.
[[nodiscard]] std::string behind(const Intents& before, const Intents& after, std::string by);

/// What became of an arming that nobody confirmed: "arming at 14:30:07 was not confirmed within
/// 60 s, and was undone"; nothing where `by` says that somebody decided.
[[nodiscard]] std::optional<std::string> unconfirmed(const std::string& by);

}  // namespace ks
