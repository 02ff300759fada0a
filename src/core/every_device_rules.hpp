// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

namespace ks {

/// One chain for whatever device there is or will be, which only jumps to another one: an `nft`
/// that cannot read the first gets over it then. The other tells devices apart by name and kind:
/// tunnels that are up, loopback and the devices that lead inside pass; every other one is an
/// uplink, also one that nobody has looked at yet. Needs the chain `output` complete.
void add_every_device(Draft& draft);

}  // namespace ks
