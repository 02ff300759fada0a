// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/endpoints.hpp"
#include "killswitchd/policy.hpp"

#include <string>
#include <vector>

namespace ks {

/// What an administrator should know about the exceptions of this policy, one sentence each:
/// endpoints without `only`, patterns, ports that may be opened from the VPN's side, the LAN, every
/// exception. Stable order.
[[nodiscard]] std::vector<std::string> holes(const Policy& policy, const KnownEndpoints& endpoints,
                                             const OpenPorts& open_ports = {});

}  // namespace ks
