// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"

namespace ks {

/// The three base chains, holding only what is accepted so far.
struct BaseChains {
    Chain output;
    Chain input;
    Chain forward;
};

/// Closes the base chains: everything that no rule before took is counted under the reason why, and
/// refused on output and forward, dropped on input. Adds the counters and chains that this needs.
void add_refusals(Ruleset& ruleset, const Policy& policy, BaseChains base);

/// Chains "tunnel_dns" and "dns_servers": DNS inside a tunnel reaches only `servers`; all that is
/// not DNS returns to the caller.
[[nodiscard]] std::vector<Chain> tunnel_dns_chains(const std::vector<IpAddress>& servers);

}  // namespace ks
