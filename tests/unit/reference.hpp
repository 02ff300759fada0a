// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/evaluate.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/situation.hpp"

namespace ks::test {

/// Whether the manual lets `packet` pass Hook::input, forward or output: the same decisions as
/// those of compile(), written a second time and without rules.
[[nodiscard]] bool may_pass(const Policy& policy, const Situation& situation,
                            const PacketView& packet);

}  // namespace ks::test
