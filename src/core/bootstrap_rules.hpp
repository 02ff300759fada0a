// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

#include <cstdint>
#include <vector>

namespace ks {

/// The questions of our resolver, outside while no tunnel is up, and their answers.
void add_bootstrap(Draft& draft);
/// Which answers by UDP a tunnel lets in.
enum class Answers : std::uint8_t { all, remembered };
/// The same questions in a tunnel, whose packets `into` matches: before other servers are refused.
void add_bootstrap_in(Draft& draft, const std::vector<Match>& into, Answers answers);
/// Whether they go to an IPv6 address, outside.
[[nodiscard]] bool bootstraps_by_ipv6(const Draft& draft);

}  // namespace ks
