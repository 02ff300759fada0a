// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/policy.hpp"

#include <string>
#include <vector>

namespace ks::drills {

/// A policy as it can be played in the lab, and what had to be changed for that.
struct Adapted {
    Policy policy;
    std::vector<std::string> notes;  ///< One sentence each, for the person who runs the test.
};

/// Replaces what the lab has no stand-in for: link kinds (its tunnel is a tun device), cgroups (it
/// makes none), patterns (one name is played), names of other interfaces, every mode but always;
/// and takes away what is meant to leave outside the tunnel and cannot be distinguished from a
/// leak.
[[nodiscard]] Adapted adapt(Policy policy);

}  // namespace ks::drills
