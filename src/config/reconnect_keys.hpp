// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/policy.hpp"
#include "readers.hpp"
#include "tree.hpp"

#include <string>
#include <vector>

namespace ks {

/// The value of `reconnect`.
void read_reconnect(Context& context, const Node& node, Tunnel& tunnel);
[[nodiscard]] Node write_reconnect(const Tunnel& tunnel);
/// The keys of its mapping.
[[nodiscard]] std::vector<std::string> reconnect_keys();

}  // namespace ks
