// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/lab/lab.hpp"
#include "stage.hpp"

#include <span>

namespace ks::drills {

/// One thing that goes wrong in the life of a VPN, played once without and once with the lock.
struct Drill {
    const char* name;   ///< For --drill.
    const char* title;  ///< "the VPN process is killed"
    const char* story;  ///< One sentence: what happens, and why it leaks without a kill switch.
    lab::Uplinks uplinks;
    void (*play)(Stage& stage);
};

/// All of them, in the order in which they are reported.
[[nodiscard]] std::span<const Drill> all();

/// How most drills begin: service and tunnel up, everything works; from here on every frame counts.
void reach_steady_state(Stage& stage);

}  // namespace ks::drills
