// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "batch.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/ruleset.hpp"

#include <cstdint>

namespace ks {

enum class Method : std::uint8_t {
    in_place,  ///< Only what differs.
    anew,      ///< Delete and create: open for a moment, unless another table holds meanwhile.
};

/// Appends to `batch` what turns the table of `family` into its part of `ruleset`, and nothing
/// where they agree already.
///
/// Base chains that stand as ours are never touched in place: a new one accepts everything until
/// late in its commit. Base chains of netdev come and go with their devices, which opens nothing,
/// as inet still holds. The flags of a table that stands must be right already.
/// \param desired    Of desired_tables(ruleset), the table of `family`; empty where there is none.
/// \param observed   What stands now; null where there is no table.
/// \param new_flags  What to create the table with.
[[nodiscard]] Status plan(Batch& batch, const Ruleset& ruleset, TableFamily family,
                          const ObservedTable& desired, const ObservedTable* observed,
                          std::uint32_t new_flags, Method method);

/// Whether everything in `observed` with a name of ours is of our make, and there is nothing of a
/// kind that can only go with its table.
[[nodiscard]] bool changeable(const ObservedTable& desired, const ObservedTable& observed);

}  // namespace ks
