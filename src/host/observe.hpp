// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "boot_clock.hpp"
#include "imports.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/judge.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/paths.hpp"
#include "killswitchd/step.hpp"
#include "ports_watch.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ks {

/// What the service would know if it ran now: config, intents, links, cgroups.
struct World {
    LoadedConfig config;
    BootClock clock;
    State state;              ///< `situation` and `wanted` are decided; nothing is in force yet.
    VpnFiles imports{};       ///< What the config imports endpoints from.
    PortsFiles port_files{};  ///< What it takes open ports from.
    std::optional<Error> intents_problem{};  ///< Why the intents on the disk are not believed.
};

/// Never touches the rules. Without a valid config `state.policy` is the default, and `config` says
/// what is wrong with it.
[[nodiscard]] World observe(const Paths& paths);

/// The same for who is about to change the rules: kConfinedSlice is there, where it has to be.
[[nodiscard]] World observe_for_change(const Paths& paths);

/// For rules that nobody will change as links change: a tunnel opens when the service runs. What is
/// known of networks stays.
void take_tunnels_down(State& state);

/// What the kernel holds of ours, asked now; without what is left of a pause that ended there.
struct KernelView {
    Result<ObservedTables> tables;  ///< An error means that nobody can tell.
    bool fallback = false;          ///< Whether the fallback table stands.
    std::vector<std::string> others{};
};
[[nodiscard]] KernelView look(Nftables& nftables, const std::optional<Ruleset>& wanted);
/// The same with `others`: what others do beside our rules; see read_bypasses(). For reports.
[[nodiscard]] KernelView look_around(Nftables& nftables, const State& state);

/// Compares `view` with what `state` wants. Without a service or a usable config the caller says
/// so: see Observed.
[[nodiscard]] Observed compare(const State& state, const KernelView& view);

/// The first thing that is wrong with a config, as one line; nothing when it can be used.
[[nodiscard]] std::optional<std::string> what_is_broken(const LoadedConfig& config);

}  // namespace ks
