// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../../../src/drills/drills.hpp"
#include "killswitchd/policy.hpp"

#include <string>

namespace ks::test {

/// Plays every drill with that VPN and policy, checks each verdict, and prints a line of figures
/// for each, so that a log shows what was proven.
void play_all(const std::string& title, const Policy& policy, const drills::MakeVpn& make_vpn);

/// One drill, in the same way.
void play_one(const std::string& title, const drills::Drill& drill, const Policy& policy,
              const drills::MakeVpn& make_vpn);

/// examples/demo.yaml as a policy; the tests vary it.
[[nodiscard]] Policy demo_policy();

}  // namespace ks::test
