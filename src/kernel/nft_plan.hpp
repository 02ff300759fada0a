// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "nft_batch.hpp"

namespace ks {

/// Appends to `batch` what turns `live` into `ruleset`, and nothing where they agree already.
///
/// Base chains that stand as ours are never touched: a new one accepts everything until late in its
/// commit. Only a table whose base chains somebody replaced is built anew; and base chains of
/// netdev come and go with their devices, which opens nothing, as inet still holds.
/// \param expected     expected_table(ruleset)
/// \param table_flags  What to create the table with, or claim it with, where `claim` says so.
enum class Claim : std::uint8_t { no, yes };
[[nodiscard]] Status plan(Batch& batch, const Ruleset& ruleset, const LiveTable& expected,
                          const Snapshot& live, std::uint32_t table_flags, Claim claim);

}  // namespace ks
