// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/config.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/step.hpp"
#include "options.hpp"

namespace ks::cli {

/// What the service would know if it ran now: config, markers, links, cgroups.
struct World {
    LoadedConfig config;
    State state;  ///< `situation` and `wanted` are decided; nothing is in force yet.
};

/// Never touches the rules. Without a valid config `state.policy` is the default, and `config` says
/// what is wrong with it.
[[nodiscard]] World observe(const Options& options);

/// Makes the kernel hold what `world` calls for, without a service. Prints what happened.
/// \return an exit code.
[[nodiscard]] int enforce(const World& world, Nftables nftables);

}  // namespace ks::cli
