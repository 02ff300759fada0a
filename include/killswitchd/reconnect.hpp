// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/situation.hpp"
#include "killswitchd/step.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ks {

/// A tunnel that waits for its unit, by the name of the tunnel.
struct Outage {
    std::chrono::nanoseconds due{};  ///< When its unit is asked for, since boot.
    unsigned asked = 0;              ///< How often it was.
    friend bool operator==(const Outage&, const Outage&) = default;
};
using Outages = std::map<std::string, Outage>;

struct ReconnectPlan {
    Outages outages;
    /// Whose units are to be restarted now.
    std::vector<const Tunnel*> due;
    /// When to look again, since boot; absent: not before something changes.
    std::optional<std::chrono::nanoseconds> wake;
};

/// Which tunnels of `state` need their unit: those with `reconnect` that are down or silent for as
/// long as that says, then twice as long each time, up to ten minutes, until they are back. None
/// while the machine is open or in a panic. Pure; `due` points into `state`.
///
/// \param silent  Interfaces whose servers do not answer.
/// \param now     Since boot.
[[nodiscard]] ReconnectPlan plan_reconnects(const State& state, const Outages& before,
                                            const std::set<std::string>& silent,
                                            std::chrono::nanoseconds now);

/// The longest pause between two requests for one unit, unless `after` is longer.
inline constexpr std::chrono::minutes kLongestReconnectPause{10};

}  // namespace ks
