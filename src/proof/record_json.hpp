// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../drills/record.hpp"
#include "killswitchd/error.hpp"

#include <cstddef>

#include <nlohmann/json_fwd.hpp>

namespace ks::proof {

[[nodiscard]] nlohmann::json to_json(const drills::Record& record);

/// What to_json() has written, of any JSON. Refuses what would take long to judge.
/// \param frames  How many frames were captured in that run.
[[nodiscard]] Result<drills::Record> record_from(const nlohmann::json& json, std::size_t frames);

}  // namespace ks::proof
