// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"

#include <chrono>
#include <string_view>

namespace ks::cli {

/// "90", "90s", "10m" or "2h".
[[nodiscard]] Result<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace ks::cli
