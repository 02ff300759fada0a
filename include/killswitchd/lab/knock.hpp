// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"

#include <cstdint>

namespace ks::lab {

struct Knock {
    IpAddress from;                       ///< Must be an address of the node that knocks.
    IpAddress to;                         ///< Of the node that listens.
    std::uint8_t protocol = proto::kTcp;  ///< kTcp or kUdp.
    std::uint16_t port = 0;
};

/// Whether what listens at `door` hears a connection, or a datagram, from `stranger`, and its
/// answer comes back within `limit`.
[[nodiscard]] bool knock(const Node& stranger, const Node& door, const Knock& how, Millis limit);

}  // namespace ks::lab
