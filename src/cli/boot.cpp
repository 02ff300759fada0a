// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/change.hpp"
#include "../host/engine.hpp"
#include "../host/imports.hpp"
#include "../host/observe.hpp"
#include "../host/open_nftables.hpp"
#include "../host/retry.hpp"
#include "../host/state_line.hpp"
#include "../host/without_config.hpp"
#include "killswitchd/control_client.hpp"
#include "options.hpp"
#include "terminal.hpp"

#include <cstdio>

#include <fmt/format.h>

namespace ks::cli {

namespace {

/// Whether the rules of the boot stage stand: ours, or the fallback table.
Result<KernelView> look_now() {
    return with_retries([]() -> Result<KernelView> {
        auto nftables = Nftables::open(Ownership::off);
        if (!nftables) {
            return std::move(nftables).error();
        }
        KernelView view = look(*nftables, std::nullopt);
        return view.tables ? Result(std::move(view)) : Result<KernelView>(view.tables.error());
    });
}

Result<State> enforce_with_retries(const Paths& paths, const World& world) {
    return with_retries([&]() -> Result<State> {
        auto nftables = open_nftables(world.state.policy.ownership);
        return nftables ? enforce(paths, world, *std::move(nftables))
                        : Result<State>(nftables.error());
    });
}

/// What systemd runs when the service has ended, however it ended: the rules must stay when systemd
/// exits.
int keep(const Options& options, const World& world) {
    if (!world.state.wanted) {
        return kDone;
    }
    const auto view = look_now();
    if (!view) {
        return fail(view.error());
    }
    if (view->tables->empty()) {
        const auto done = enforce_with_retries(options.paths, world);
        return done ? kDone : fail(done.error());
    }
    const auto left = with_retries([&] {
        auto nftables = Nftables::open(world.state.policy.ownership);
        return nftables ? nftables->leave(*world.state.wanted) : Status(nftables.error());
    });
    return left ? kDone : fail(left.error());
}

/// Whether network managers may start: nothing was to be locked, or something is.
int gate(const World& world) {
    const Intents& intents = world.state.intents;
    const bool unreadable = !world.config.ok() && (!intents.disarmed || intents.panic);
    const bool open_by_wish =
        world.state.policy.boot == BootLock::open && !intents.panic && !intents.engaged;
    if (!unreadable && (!world.state.wanted || open_by_wish)) {
        return kDone;
    }
    const auto view = look_now();
    if (!view) {
        return fail(view.error());
    }
    if (drops_by_default(*view->tables) || view->fallback) {
        return kDone;
    }
    complain("armed, but the kernel holds no rules: the network stays down",
             "journalctl -b -u killswitchd-boot; to open: killswitchd disarm");
    return kRefused;
}

/// Nothing is to be locked; a lock of the initramfs, which cannot know that, ends here.
int open_up(const char* why) {
    const auto removed = with_retries([] {
        auto nftables = open_nftables(Ownership::automatic);
        return nftables ? nftables->remove() : Status(nftables.error());
    });
    if (!removed) {
        return fail(removed.error());
    }
    fmt::print("{}: nothing is blocked\n", why);
    return kDone;
}

int lock_now(const Options& options, World& world) {
    take_tunnels_down(world.state);
    if (const auto done = enforce_with_retries(options.paths, world); !done) {
        complain(done.error().message());
        lock_without_config(world.state.intents);
        return kFailed;
    }
    fmt::print("locked: tunnels open when the service runs\n");
    return kDone;
}

int boot_stage(const Options& options) {
    World world = options.gate ? observe(options.paths) : observe_for_change(options.paths);
    if (world.intents_problem) {
        complain(world.intents_problem->message());
    }
    if (options.gate) {
        return gate(world);
    }
    if (!world.config.ok()) {
        complain(world.config.diagnostics);
        lock_without_config(world.state.intents);
        return kConfigInvalid;
    }
    if (options.hold) {
        return keep(options, world);
    }
    if (world.config.only_names_unknown) {
        complain(world.config.diagnostics);
        fmt::print(stderr,
                   "these names had numbers when the config was last in force; those hold\n");
    }
    // Not in the middle of a boot's life: the service has died, and its lock must stay.
    const bool opens_at_boot = world.state.policy.boot == BootLock::open &&
                               !world.state.intents.panic && !world.state.intents.engaged;
    if (!world.state.wanted || opens_at_boot) {
        return open_up(world.state.wanted ? "boot is open in the config" : "not armed");
    }
    complain(findings_in(world.imports, world.state.policy));
    return lock_now(options, world);
}

}  // namespace

int boot(const Options& options) {
    if (!options.gate && ControlClient::connect(options.paths.socket())) {
        fmt::print("the service runs, and keeps the rules itself\n");
        return kDone;
    }
    const int code = boot_stage(options);
    if (!options.gate) {
        note_state_without_service(options.paths);
    }
    return code;
}

}  // namespace ks::cli
