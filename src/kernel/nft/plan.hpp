// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "batch.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/ruleset.hpp"

#include <cstdint>

namespace ks {

/// Appends to `batch` what turns `observed` into `ruleset`, and nothing where they agree already.
///
/// Base chains that stand as ours are never touched: a new one accepts everything until late in its
/// commit. Base chains of netdev come and go with their devices, which opens nothing, as inet still
/// holds.
/// \param desired     desired_tables(ruleset)
/// \param table_flags  What to create or claim the table with.
enum class TableStep : std::uint8_t {
    keep,     ///< Create it only where there is none.
    claim,    ///< Become the owner of what stands.
    rebuild,  ///< Delete and create it: open for a moment, unless another table holds meanwhile.
};
[[nodiscard]] Status plan(Batch& batch, const Ruleset& ruleset, const ObservedTable& desired,
                          const Snapshot& observed, std::uint32_t table_flags, TableStep step);

/// Whether something in `observed` with a name of ours is of another make, so that it cannot be
/// changed in place.
[[nodiscard]] bool incompatible(const ObservedTable& desired, const ObservedTable& observed);

}  // namespace ks
