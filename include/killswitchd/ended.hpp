// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/observed_tables.hpp"
#include "killswitchd/ruleset.hpp"

#include <chrono>
#include <optional>

namespace ks {

/// Takes out what is left in the kernel of a pause that ended there by itself, and that `desired`
/// has not: rules that can match no more, and their empty sets.
/// \param now  Since boot; see since_boot().
void drop_ended(ObservedTables& observed, const std::optional<Ruleset>& desired,
                std::chrono::nanoseconds now);

}  // namespace ks
