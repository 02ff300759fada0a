// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/policy.hpp"
#include "readers.hpp"
#include "tree.hpp"

#include <string>
#include <vector>

namespace ks {

/// The value of `endpoints`: endpoints, and files to import some from.
void read_endpoints(Context& context, const Node& node, Tunnel& tunnel);
[[nodiscard]] Node write_endpoints(const Tunnel& tunnel);
/// The keys of its mappings, and an empty one for what is none.
[[nodiscard]] std::vector<std::string> endpoint_keys();

}  // namespace ks
