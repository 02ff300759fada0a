// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

namespace ks {

void add_tunnels(Draft& draft);
/// Packets to a tunnel's own address that did not come through it, and ARP for it; packets from it
/// that leave by another way.
void add_spoof_guard(Draft& draft);

}  // namespace ks
