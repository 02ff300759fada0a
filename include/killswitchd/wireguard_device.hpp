// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/automatic.hpp"
#include "killswitchd/error.hpp"

namespace ks {

/// Asks the kernel's WireGuard about the device of this ifindex.
/// \return EPERM without CAP_NET_ADMIN; EPROTONOSUPPORT where the kernel has no WireGuard;
///         EOPNOTSUPP or ENODEV when that device is none of its.
/// Source: linux/wireguard.h.
[[nodiscard]] Result<VpnDevice> read_wireguard(int index);

}  // namespace ks
