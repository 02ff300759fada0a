// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/policy.hpp"
#include "readers.hpp"

namespace ks {

/// Reads a whole configuration. The result counts only when the report has no errors.
[[nodiscard]] Policy read_policy(Context& context, const Node& root);

/// Reads the list of tunnels into `policy`.
void read_tunnels(Context& context, const Node& node, Policy& policy);

void read_lan(Context& context, const Node& node, Policy& policy);
void read_guests(Context& context, const Node& node, Policy& policy);
void read_allow(Context& context, const Node& node, Policy& policy);
void read_apps(Context& context, const Node& node, Policy& policy);

// What the language has and a Policy cannot express yet. Its form is checked; what asks for nothing
// is accepted, everything else refused.
void read_log(Context& context, const Node& node);
void read_bootstrap(Context& context, const Node& node);

/// What no key can know alone: keys that are missing, contradict each other, or open more together
/// than they seem to. `root` is the mapping that `policy` was read from.
void check_policy(Context& context, const Node& root, const Policy& policy);

}  // namespace ks
