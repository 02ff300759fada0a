// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "allowance.hpp"
#include "killswitchd/policy.hpp"

#include <string>
#include <vector>

namespace ks::drills {

/// The lab's first card.
inline constexpr const char* kUplink = "up0";

/// A policy as it can be played in the lab, and what had to be changed for that.
struct Adapted {
    Policy policy;
    std::vector<Allowance> allowances;  ///< In the words of the original.
    std::vector<std::string> notes;     ///< One sentence each, for the person who runs the test.
};

/// Replaces what the lab has no stand-in for: link kinds (its tunnel is a tun device), cgroups
/// (users play them), patterns (one name is played), names of other interfaces, every mode but
/// always. Nothing that opens or closes is left out.
[[nodiscard]] Adapted adapt(Policy policy);

}  // namespace ks::drills
