// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../proof/proof.hpp"
#include "options.hpp"

#include <cstddef>
#include <set>
#include <string>

namespace ks::cli {

/// What `test` prints before the first drill of `count`.
[[nodiscard]] std::string test_head(const proof::Proof& proof, std::size_t count);
/// The heads of the columns of test_row().
[[nodiscard]] std::string test_columns();
/// The line of one drill, and what it leaked.
/// \param told  The causes that were explained before; grows.
[[nodiscard]] std::string test_row(const Options& options, const proof::Played& drill,
                                   std::set<std::string>& told);
/// What the config allows, and the verdict.
[[nodiscard]] std::string test_end(const Options& options, const proof::Proof& proof);

}  // namespace ks::cli
