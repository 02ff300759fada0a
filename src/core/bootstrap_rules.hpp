// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

#include <vector>

namespace ks {

/// The questions of our resolver, outside while no tunnel is up, and their answers.
void add_bootstrap(Draft& draft);
/// The same questions in a tunnel, whose packets `into` matches: before other servers are refused.
void add_bootstrap_in(Draft& draft, const std::vector<Match>& into);
/// Whether they go to an IPv6 address, outside.
[[nodiscard]] bool bootstraps_by_ipv6(const Draft& draft);

}  // namespace ks
