// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"

#include <string>
#include <vector>

namespace ks::cli {

/// The table as `nft -j -f` reads it, ends in a newline. Source: libnftables-json(5).
/// \param devices, now  As for render_text().
[[nodiscard]] std::string render_json(const Ruleset& ruleset,
                                      const std::vector<std::string>& devices, const Moment& now);

}  // namespace ks::cli
