// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "dice.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/situation.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ks::test {

/// The interfaces of the random worlds, in the order in which they forward to each other.
[[nodiscard]] const std::vector<std::string>& devices();

/// A random policy about `devices()`: 0 to 12 endpoints, both families, every kind of selector.
[[nodiscard]] Policy random_policy(Dice& dice, const CgroupIds& cgroups);
/// A situation of `policy` that has rules.
[[nodiscard]] Situation random_situation(Dice& dice, const Policy& policy, CgroupIds cgroups);

[[nodiscard]] IpAddress address(const char* text);
[[nodiscard]] std::uint16_t random_port(Dice& dice);
/// Every kind of address that rules care about.
[[nodiscard]] IpAddress random_address(Dice& dice, IpFamily family);
[[nodiscard]] std::uint32_t random_mark(Dice& dice);
[[nodiscard]] const std::vector<std::uint32_t>& identities();  ///< Users and groups.

}  // namespace ks::test
