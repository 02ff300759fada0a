// SPDX-License-Identifier: GPL-2.0-or-later
#include "../daemon/lockdown.hpp"
#include "killswitchd/runtime.hpp"
#include "offline.hpp"
#include "terminal.hpp"

#include <cstdio>

#include <fmt/format.h>

namespace ks::cli {

int boot(const Options& options) {
    if (ControlClient::connect(options.paths.socket())) {
        complain("the service runs already, and knows more than the boot stage",
                 "use `killswitchd reload`");
        return kRefused;
    }
    World world = observe(options);
    if (!world.config.ok()) {
        complain(world.config.diagnostics);
        hold_without_config(world.state.intents);
        return kConfigInvalid;
    }
    if (world.state.policy.boot == BootLock::open && !world.state.intents.panic) {
        fmt::print("boot is open in {}: nothing loaded\n", options.paths.config);
        return kDone;
    }
    if (!world.state.wanted) {
        fmt::print("not armed: nothing loaded\n");
        return kDone;
    }
    world.state.links
        .reset();  // Before the network there is no tunnel; later the service opens it.
    auto nftables = Nftables::open(world.state.policy.ownership);
    if (!nftables) {
        return fail(nftables.error());
    }
    if (const int code = enforce(world, *std::move(nftables)); code != kDone) {
        hold_without_config(world.state.intents);
        return code;
    }
    fmt::print("locked: tunnels open when the service runs\n");
    return kDone;
}

}  // namespace ks::cli
