// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/live_table.hpp"
#include "killswitchd/ruleset.hpp"

namespace ks {

/// Chains and sets of `ruleset` in the notation of LiveTable, for comparison. No socket needed.
[[nodiscard]] Result<LiveTable> expected_table(const Ruleset& ruleset);

}  // namespace ks
