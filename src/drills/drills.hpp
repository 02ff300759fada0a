// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/policy.hpp"
#include "stage.hpp"

#include <functional>
#include <span>
#include <string>
#include <vector>

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

/// Both runs of one drill.
struct Verdict {
    Tally open;    ///< The control: disarmed.
    Tally locked;  ///< Armed.

    /// The control leaked, the lock did not, nothing that must work failed, no frame was missed.
    [[nodiscard]] bool passed() const;
    /// Why it did not pass, one line each.
    [[nodiscard]] std::vector<std::string> reasons() const;
};

/// Plays `drill` in two fresh labs. Touches nothing outside them.
/// \return EPERM without the right to make namespaces.
[[nodiscard]] Result<Verdict> play(const Drill& drill, const Policy& policy,
                                   const std::string& program,
                                   const MakeVpn& make_vpn = own_tunnel);

}  // namespace ks::drills
