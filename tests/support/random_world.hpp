// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "dice.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/situation.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ks::test {

/// The interfaces of the random worlds, in the order in which they forward to each other: uplinks,
/// tunnels, guests and the port of a guest bridge, in every neighbourhood that rules tell apart.
[[nodiscard]] const std::vector<std::string>& devices();
/// The interface group that a device is in, in every random world.
[[nodiscard]] std::uint32_t group_of(const std::string& device);
/// `devices()` with random addresses, routes and flags, and lo.
[[nodiscard]] LinkTable random_links(Dice& dice);
/// What `policy` makes of random links, intents and IPsec policies. Without rules with `mode: off`.
[[nodiscard]] Situation random_situation(Dice& dice, const Policy& policy, CgroupIds cgroups);

[[nodiscard]] IpAddress address(const char* text);
[[nodiscard]] std::uint16_t random_port(Dice& dice);
/// Every kind of address that rules care about.
[[nodiscard]] IpAddress random_address(Dice& dice, IpFamily family);
[[nodiscard]] std::uint32_t random_mark(Dice& dice);
[[nodiscard]] const std::vector<std::uint32_t>& identities();  ///< Users and groups.

}  // namespace ks::test
