// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/process.hpp"

namespace ks::test {

/// Discovery by AF_PACKET, as clients do before they have an address. \return whether the server
/// acknowledged it before `limit`.
[[nodiscard]] bool dhcp_discovers(lab::Lab& lab, lab::Millis limit);

/// Renewal by a UDP socket from the host's port 68 to the server's 67, as clients do later.
[[nodiscard]] bool dhcp_renews(lab::Lab& lab, lab::Millis limit);

}  // namespace ks::test
