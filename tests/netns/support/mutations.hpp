// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "dice.hpp"
#include "killswitchd/ruleset.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ks::test {

/// One kind of mistake in rules.
struct Mutation {
    std::string name;
    /// Makes it at a random place; false where there is none.
    std::function<bool(Ruleset&, Dice&)> apply;
};

enum class CgroupRules : std::uint8_t { occur, never };
[[nodiscard]] std::vector<Mutation> mutations(CgroupRules cgroup_rules);

}  // namespace ks::test
