// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/ruleset.hpp"

#include <string>

namespace ks {

/// The table as nft text that `nft -f` loads over anything that is there, atomically. Pure,
/// deterministic, ends in a newline.
[[nodiscard]] std::string render_text(const Ruleset& ruleset);
/// One rule of a chain of `family` as above, without indentation and newline.
[[nodiscard]] std::string render_text(const Rule& rule, TableFamily family = TableFamily::inet);

}  // namespace ks
