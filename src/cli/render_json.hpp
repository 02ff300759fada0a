// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/ruleset.hpp"

#include <string>
#include <vector>

namespace ks::cli {

/// The table as `nft -j -f` reads it, ends in a newline. Source: libnftables-json(5).
/// \param devices  As for render_text().
[[nodiscard]] std::string render_json(const Ruleset& ruleset,
                                      const std::vector<std::string>& devices);

}  // namespace ks::cli
