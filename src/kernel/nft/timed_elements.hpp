// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/observed_tables.hpp"

#include <chrono>

namespace ks {

/// Whether nothing in the set `is` ends later than `should` says, or is not in it. What ended
/// early, or is not there any more, opens nothing.
[[nodiscard]] bool ends_in_time(const ObservedSet& should, const ObservedSet& is);

/// Whether the same ends at the same times, as exactly as the kernel does it; what has ended by
/// `now` is in neither.
[[nodiscard]] bool same_ends(const ObservedSet& should, const ObservedSet& is,
                             std::chrono::nanoseconds now);

}  // namespace ks
