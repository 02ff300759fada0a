// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/automatic.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"

#include <optional>

namespace ks {

/// Asks the VPN behind a link, the kernel's or a program of user space. Absent when it is of a kind
/// that nobody can be asked about.
[[nodiscard]] Result<std::optional<VpnDevice>> read_vpn_device(int index, const Link& link);

/// Whether `link` is what `tunnel` means: its name, its kind, and trusted.
[[nodiscard]] bool is_device_of(const Tunnel& tunnel, const Policy& policy, int index,
                                const Link& link);

}  // namespace ks
