// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"

#include <string>

namespace ks {

/// Begins the names of the chains that keep private destinations out of a tunnel.
inline constexpr const char* kPublicChain = "public";

/// Sends what may go into `tunnel` on to `then`, a jump or an accept without matches, through a
/// chain that refuses private and link-local destinations, but for the tunnel's own networks and
/// the resolvers of the config.
/// \param name  Of the chain; the same name is the same chain.
[[nodiscard]] Rule without_private(Draft& draft, const Tunnel& tunnel, const Rule& then,
                                   const std::string& name);

}  // namespace ks
