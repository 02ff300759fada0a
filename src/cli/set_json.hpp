// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/ruleset.hpp"

#include <nlohmann/json.hpp>

namespace ks::cli {

/// A set as nft's JSON has it.
[[nodiscard]] nlohmann::json set_definition(const Set& set, TableFamily family);

}  // namespace ks::cli
