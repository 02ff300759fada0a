// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/ruleset.hpp"

#include <string>
#include <vector>

namespace ks::cli {

/// A chain at every device as one for each that there is: nft 1.0 reads no other.
[[nodiscard]] std::vector<Chain> writable_chains(const std::vector<Chain>& chains,
                                                 const std::vector<std::string>& devices);

}  // namespace ks::cli
