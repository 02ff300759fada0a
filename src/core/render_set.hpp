// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"

#include <string>

namespace ks {

/// A set with its elements as nft text.
[[nodiscard]] std::string set_definition(const Set& set, const Moment& now);

}  // namespace ks
