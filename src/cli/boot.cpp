// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/lockdown.hpp"
#include "../host/open_nftables.hpp"
#include "killswitchd/control_client.hpp"
#include "killswitchd/intents.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/policy.hpp"
#include "offline.hpp"
#include "terminal.hpp"

#include <cstdio>
#include <utility>

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
    if (live && find_table(*live, TableFamily::inet) == nullptr) {
        return enforce(world, *std::move(nftables));
    }
    const auto left = nftables->leave(*world.state.wanted);
    return left ? kDone : fail(left.error());
}

/// Whether network managers may start: nothing was to be locked, or something is.
int gate(const World& world) {
    const Intents& intents = world.state.intents;
    const bool unreadable = !world.config.ok() && (!intents.disarmed || intents.panic);
    const bool open_by_wish = world.state.policy.boot == BootLock::open && !intents.panic;
    if (!unreadable && (!world.state.wanted || open_by_wish)) {
        return kDone;
    }
    auto nftables = Nftables::open(world.state.policy.ownership);
    if (!nftables) {
        return fail(nftables.error());
    }
    const auto live = nftables->read();
    const auto holds = nftables->holds();
    const ObservedTable* const table = live ? find_table(*live, TableFamily::inet) : nullptr;
    if ((table != nullptr && !table->dormant) || (holds && *holds)) {
        return kDone;
    }
    complain("armed, but the kernel holds no rules: the network stays down",
             "journalctl -b -u killswitchd-boot; to open: killswitchd disarm");
    return kRefused;
}

/// Nothing is to be locked; a lock of the initramfs, which cannot know that, ends here.
int open_up(const char* why) {
    auto nftables = open_nftables(Ownership::automatic);
    if (!nftables) {
        return fail(nftables.error());
    }
    if (const auto removed = nftables->remove(); !removed) {
        return fail(removed.error());
    }
    fmt::print("{}: nothing is blocked\n", why);
    return kDone;
}

}  // namespace

int boot(const Options& options) {
    if (!options.gate && ControlClient::connect(options.paths.socket())) {
        fmt::print("the service runs, and keeps the rules itself\n");
        return kDone;
    }
    World world = observe(options);
    if (options.gate) {
        return gate(world);
    }
    if (!world.config.ok()) {
        complain(world.config.diagnostics);
        hold_without_config(world.state.intents);
        return kConfigInvalid;
    }
    if (options.hold) {
        return hold(world);
    }
    if (world.state.policy.boot == BootLock::open && !world.state.intents.panic) {
        return open_up("boot is open in the config");
    }
    if (!world.state.wanted) {
        return open_up("not armed");
    }
    if (world.state.links) {  // Before the network there is no tunnel; later the service opens it.
        for (auto& [index, link] : *world.state.links) {
            link.up = false;
        }
    }
    auto nftables = open_nftables(world.state.policy.ownership);
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
