// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"

#include <nlohmann/json_fwd.hpp>

namespace ks::cli {

/// A set of a table of `family`, as an object of libnftables-json(5).
[[nodiscard]] nlohmann::json set_json(const Set& set, TableFamily family, const Moment& now);

}  // namespace ks::cli
