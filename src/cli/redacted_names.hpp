// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/observe.hpp"
#include "killswitchd/redactor.hpp"

namespace ks::cli {

/// Hides what people have named: tunnels, interfaces but for usual names such as wg0, files of
/// VPNs, cgroups, this machine and who runs the command.
[[nodiscard]] Redactor redacted_names(const World& world);

}  // namespace ks::cli
