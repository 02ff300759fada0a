// SPDX-License-Identifier: GPL-2.0-or-later
#include "../daemon/lockdown.hpp"
#include "../daemon/open_nftables.hpp"
#include "killswitchd/runtime.hpp"
#include "offline.hpp"
#include "terminal.hpp"

#include <cstdio>

#include <fmt/format.h>

namespace ks::cli {

namespace {

/// What systemd runs when the service has ended, however it ended: the rules must outlast systemd.
int hold(const World& world) {
    if (!world.state.wanted) {
        return kDone;
    }
    auto nftables = Nftables::open(world.state.policy.ownership);
    if (!nftables) {
        return fail(nftables.error());
    }
    const auto live = nftables->read();
    if (live && !*live) {
        return enforce(world, *std::move(nftables));
    }
    const auto left = nftables->leave(*world.state.wanted);
    return left ? kDone : fail(left.error());
}

}  // namespace

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
    if (options.hold) {
        return hold(world);
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
    auto nftables = open_nftables(world.state.policy.ownership);
    if (!nftables) {
        return fail(nftables.error());
    }
    if (const int code = enforce(world, *std::move(nftables)); code != kDone) {
        hold_without_config(world.state.intents);
        return code;
    }
    fmt::print("locked: {} tunnel(s) configured\n", world.state.policy.tunnels.size());
    return kDone;
}

}  // namespace ks::cli
