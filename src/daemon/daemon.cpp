// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/daemon.hpp"

#include "../host/boot_clock.hpp"
#include "../host/import_watch.hpp"
#include "../host/imports.hpp"
#include "../host/intent_store.hpp"
#include "../host/last_good.hpp"
#include "../host/learned_store.hpp"
#include "../host/names.hpp"
#include "../host/open_nftables.hpp"
#include "../host/ports_watch.hpp"
#include "../host/service_lock.hpp"
#include "../host/state_line.hpp"
#include "../host/without_config.hpp"
#include "config_log.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/log.hpp"
#include "loop.hpp"

#include <optional>

namespace ks {

namespace {

constexpr int kFailed = 1;
constexpr int kConfigInvalid = 5;

/// Only another service is in the way; where the lock cannot be made, the rules matter more.
Result<std::optional<ServiceLock>> take_lock(const Paths& paths) {
    static_cast<void>(ensure_directory(paths.runtime_dir));
    auto lock = ServiceLock::take(paths.runtime_dir);
    if (!lock) {
        log(Severity::error, "control-unavailable", lock.error().message());
        return std::optional<ServiceLock>();
    }
    if (!*lock) {
        return Error{"another killswitchd runs here"};
    }
    return lock;
}

Result<Loop::Sources> open_sources(const Policy& policy) {
    auto reactor = Reactor::open();
    if (!reactor) {
        return std::move(reactor).error();
    }
    auto nftables = open_nftables(policy.ownership);
    if (!nftables) {
        return std::move(nftables).error();
    }
    auto rules = NftablesWatch::open(nftables->port());
    if (!rules) {
        return std::move(rules).error();
    }
    auto links = LinkMonitor::open();
    if (!links) {
        return std::move(links).error();
    }
    return Loop::Sources{*std::move(reactor),
                         *std::move(nftables),
                         *std::move(rules),
                         *std::move(links),
                         IpsecWatch::open(policy),
                         ImportWatch::open(policy, nullptr),
                         PortsWatch::open(policy, nullptr)};
}

}  // namespace

int run_daemon(const Paths& paths) {
    const LoadedConfig config = load_usable_config(paths);
    const BootClock clock = BootClock::open(paths.runtime_dir);
    const auto loaded = IntentStore(paths.state_dir).load(clock.now());
    if (loaded.problem) {
        log(Severity::error, "state-unreadable", loaded.problem->message());
    }
    const auto cannot_start = [&](const Error& why) {
        log(Severity::error, "start-failed", why.message());
        lock_without_config(loaded.intents);
        note_state_without_service(paths);
        return kFailed;
    };
    if (!config.ok()) {
        log_diagnostics(Severity::error, config.diagnostics);
        lock_without_config(loaded.intents);
        note_state_without_service(paths);
        return kConfigInvalid;
    }
    const auto lock = take_lock(paths);
    if (!lock) {
        return cannot_start(lock.error());
    }
    auto sources = open_sources(*config.policy);
    if (!sources) {
        if (config.policy->mode == Mode::off && !loaded.intents.panic) {
            log(Severity::error, "start-failed", sources.error().message());
            return kFailed;
        }
        return cannot_start(sources.error());
    }
    if (auto learned = load_learned(paths)) {
        sources->learned = *std::move(learned);
    } else {
        log(Severity::warning, "endpoint-not-kept", learned.error().message());
    }
    State state;
    state.policy = *config.policy;
    state.links = sources->links.links();
    state.ipsec = sources->ipsec.gateways();
    state.learned = learned_endpoints(paths, state.policy, sources->imports.files());
    state.ports = ports_in(sources->ports.files(), state.policy);
    state.intents = loaded.intents;
    state.remembered = loaded.intents;
    state.asked_by = loaded.by;
    state.now = clock.now();
    Loop loop(paths, *std::move(sources), clock, std::move(state), config);
    return loop.run();
}

}  // namespace ks
