// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "nft_batch.hpp"

namespace ks {

/// Appends to `batch` what turns `live` into `ruleset`, and nothing where they agree already.
///
/// Base chains that stand as ours are never touched: a new one accepts everything until late in its
/// commit. Only a table whose base chains somebody replaced is built anew.
/// \param expected     expected_table(ruleset)
/// \param table_flags  What to create the table with, or claim it with, where `claim` says so.
enum class Claim : std::uint8_t { no, yes };
[[nodiscard]] Status plan(Batch& batch, const Ruleset& ruleset, const LiveTable& expected,
                          const Snapshot& live, std::uint32_t table_flags, Claim claim);

/// The chains of one family; counters and sets only with those of inet.
[[nodiscard]] Ruleset part_of(const Ruleset& ruleset, TableFamily family);

}  // namespace ks
