// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "dice.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"

#include <map>
#include <string>
#include <vector>

namespace ks::test {

/// Chooses the value of one key.
using Generate = void (*)(Dice&, const CgroupIds&, Policy&);
/// By key, as config_keys() names it.
[[nodiscard]] const std::map<std::string, Generate>& generators();
/// The keys that no rule depends on, and why.
[[nodiscard]] const std::map<std::string, std::string>& keys_without_rules();

/// Chooses the value of `key` anew; the others change as far as they would contradict it.
void change(Policy& policy, const std::string& key, Dice& dice, const CgroupIds& cgroups);

/// A random valid policy about random_links(), made key by key in the order of config_keys().
/// Throws for a key that has neither a generator nor a reason to have none.
[[nodiscard]] Policy random_policy(Dice& dice, const CgroupIds& cgroups);

/// The rules of a random policy in a random situation that calls for some.
[[nodiscard]] Ruleset random_ruleset(Dice& dice, const CgroupIds& cgroups, RawSupport raw_support);

}  // namespace ks::test
