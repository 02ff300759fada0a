// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/ruleset.hpp"

namespace ks {

/// A ruleset with its desired_tables().
struct Described {
    Ruleset ruleset;
    ObservedTables tables;
};

/// The tables that the kernel shows when it holds `ruleset`: chains, sets and counters. No socket
/// needed.
/// \param before  Described earlier: what it shares with `ruleset` is taken from there.
/// \return ENOMEM, else never an error.
[[nodiscard]] Result<ObservedTables> desired_tables(const Ruleset& ruleset, Described before = {});

}  // namespace ks
