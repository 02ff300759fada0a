// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace ks {

/// Which tunnels' endpoints are meant.
using SomeTunnels = std::function<bool(const Tunnel&)>;

/// Of one tunnel, by its place in the config: what may be sent to its endpoints, and their answers.
void add_endpoints_of(Draft& draft, std::size_t number, std::vector<Rule>& output,
                      std::vector<Rule>& input);
/// ICMP errors about packets to the endpoints of some tunnels: a path that takes only smaller ones.
void add_path_mtu_of(Draft& draft, const SomeTunnels& some, std::vector<Rule>& input);
/// Whatever else is for the endpoints of some tunnels is refused.
/// \param sets  Begins the names of the sets of their addresses.
void add_guard_of(Draft& draft, const SomeTunnels& some, const std::string& sets);

/// Of the tunnels that no other one is around.
void add_endpoints(Draft& draft);
/// ICMP errors about the tunnel's outer packets: a path that takes only smaller ones.
void add_path_mtu(Draft& draft);
/// Packets to an endpoint that are not the tunnel's.
void add_endpoint_guard(Draft& draft);

}  // namespace ks
