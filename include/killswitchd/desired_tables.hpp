// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/ruleset.hpp"

namespace ks {

/// The tables that the kernel shows when it holds `ruleset`: chains, sets and counters. No socket
/// needed.
/// \return ENOMEM, else never an error.
[[nodiscard]] Result<ObservedTables> desired_tables(const Ruleset& ruleset);

}  // namespace ks
