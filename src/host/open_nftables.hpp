// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/policy.hpp"

namespace ks {

/// Nftables on the socket that systemd holds for this process, where it passed one; else on its
/// own. A socket that cannot be used is reported and passed over: the lock matters more than its
/// owner.
[[nodiscard]] Result<Nftables> open_nftables(Ownership ownership);

}  // namespace ks
