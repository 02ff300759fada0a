// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/policy.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/tunnels.hpp"

#include <string>
#include <vector>

namespace ks {

// Tunnels inside tunnels.

/// The tunnel that the encrypted packets of `tunnel` go through; null when there is none.
[[nodiscard]] const Tunnel* outer_of(const Policy& policy, const Tunnel& tunnel);
/// Whether some tunnel of `policy` goes through this one, which then carries nothing else.
[[nodiscard]] bool is_carrier(const Policy& policy, const Tunnel& tunnel);
/// Whether following `via` from `tunnel` comes back to it.
[[nodiscard]] bool goes_in_circles(const Policy& policy, const Tunnel& tunnel);

/// Tunnels that are up and of use: a tunnel is of none while the one around it is down.
struct TunnelsUp {
    std::vector<LiveTunnel> ways;      ///< For everybody's traffic.
    std::vector<LiveTunnel> carriers;  ///< For the packets of other tunnels alone.
};
[[nodiscard]] TunnelsUp of_use(const Policy& policy, const std::vector<LiveTunnel>& live);

/// Everything that traffic may leave through in `situation`, and what is around it: "tun0 inside
/// wg0".
[[nodiscard]] std::vector<std::string> ways_in_words(const Policy& policy,
                                                     const Situation& situation);

}  // namespace ks
