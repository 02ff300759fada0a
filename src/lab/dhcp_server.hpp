// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"

#include <string>
#include <vector>

namespace ks::lab {

/// Leases addr::kHost to whoever asks on the provider's `devices` (in uplink order), for an hour,
/// with the router as gateway and resolver, and `routes` as option 121.
[[nodiscard]] Result<Process> start_dhcp_server(Node& provider,
                                                const std::vector<std::string>& devices,
                                                const std::vector<Prefix>& routes);

}  // namespace ks::lab
