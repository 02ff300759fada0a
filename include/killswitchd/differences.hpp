// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/difference.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/ruleset.hpp"

#include <optional>
#include <vector>

namespace ks {

/// Whether the kernel enforces exactly `desired`. Counters' values, ownership and comments do not
/// count.
[[nodiscard]] bool equivalent(const ObservedTables& desired, const ObservedTables& observed);

/// Where `observed` is not what `desired` makes, by family, chain and rule; none exactly when
/// equivalent(). Without `desired` there should be no table at all. When memory runs out, one
/// difference says so.
[[nodiscard]] std::vector<Difference> differences(const std::optional<Ruleset>& desired,
                                                  const ObservedTables& observed);

}  // namespace ks
