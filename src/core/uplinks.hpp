// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/links.hpp"
#include "killswitchd/surroundings.hpp"

#include <set>
#include <vector>

namespace ks {

/// What surroundings() has found out about the links, by index.
struct Roles {
    std::set<int> tunnels;  ///< Trusted ones.
    std::set<int> guests;
};

/// Surroundings::uplinks, and Surroundings::inside in `inside`.
[[nodiscard]] std::vector<Uplink> find_uplinks(const LinkTable& links, const Roles& roles,
                                               std::vector<InsideDevice>& inside);

}  // namespace ks
