// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

namespace ks {

/// Begins the names of the chains of tunnels that carry another one.
inline constexpr const char* kCarrierChain = "carrier";

/// Into a tunnel that others go through, and out of it, come their packets alone; whoever's else
/// they are. Order: before every tunnel that traffic may use.
void add_carriers(Draft& draft);
/// The servers of the tunnels inside are reached by nothing else. Order: before whatever else may
/// leave, but behind the tunnels inside, whose own packets need not be asked.
void add_carrier_guard(Draft& draft);

}  // namespace ks
