// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/evaluate.hpp"
#include "killswitchd/step.hpp"

#include <optional>
#include <string>

namespace ks {

/// What keeps a packet to a VPN server from being one of the VPN, and how the VPN comes to send it.
struct Lack {
    std::string what;  ///< "no mark 0xca6c, which `only` of tunnel home asks for".
    std::string fix;   ///< "add `FwMark = 0xca6c` to /etc/wireguard/wg0.conf"; may be empty.
    friend bool operator==(const Lack&, const Lack&) = default;
};
/// Of a packet of this host that is to an endpoint; nothing for every other.
[[nodiscard]] std::optional<Lack> lack_of(const State& state, const PacketView& packet);

}  // namespace ks
