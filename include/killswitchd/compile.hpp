// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"

#include <optional>

namespace ks {

/// The rules of a situation; none when it is disarmed.
///
/// An endpoint whose `only.cgroup` is not in `situation.cgroups` gets no rule: closed until the
/// cgroup exists.
[[nodiscard]] std::optional<Ruleset> compile(const Policy& policy, const Situation& situation);

/// The lock for a machine whose config cannot be read: loopback and DHCP, nothing else.
[[nodiscard]] Ruleset builtin_lock();

}  // namespace ks
