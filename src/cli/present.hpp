// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/observe.hpp"
#include "../host/status_report.hpp"
#include "killswitchd/step.hpp"

namespace ks::cli {

/// The state in which the service, or the kernel, says that the machine is: who is not root cannot
/// read what was decided. Its `situation` and `wanted` are decided.
[[nodiscard]] State present_state(World world, const StatusReport& report);

}  // namespace ks::cli
