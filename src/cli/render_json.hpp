// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/ruleset.hpp"

#include <string>

namespace ks::cli {

/// The table as `nft -j -f` reads it, ends in a newline. Source: libnftables-json(5).
[[nodiscard]] std::string render_json(const Ruleset& ruleset);

}  // namespace ks::cli
