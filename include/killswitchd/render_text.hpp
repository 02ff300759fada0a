// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/ruleset.hpp"

#include <string>
#include <vector>

namespace ks {

/// The table as nft text that `nft -f` loads over anything that is there, atomically. Pure,
/// deterministic, ends in a newline.
/// \param devices  What stands for a chain at_every_device(), which nft 1.0 cannot write: those
/// that
///                 there are. Without them a comment does.
[[nodiscard]] std::string render_text(const Ruleset& ruleset,
                                      const std::vector<std::string>& devices = {});
/// One rule of a chain of `family` as above, without indentation and newline.
[[nodiscard]] std::string render_text(const Rule& rule, TableFamily family = TableFamily::inet);

}  // namespace ks
