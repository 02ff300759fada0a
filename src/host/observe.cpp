// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe.hpp"

#include "cgroup_watch.hpp"
#include "engine.hpp"
#include "intent_store.hpp"
#include "ipsec_watch.hpp"
#include "killswitchd/bypasses.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/differences.hpp"
#include "killswitchd/ended.hpp"
#include "killswitchd/link_monitor.hpp"
#include "killswitchd/sets.hpp"
#include "killswitchd/time.hpp"
#include "killswitchd/unconfirmed.hpp"
#include "last_good.hpp"
#include "names.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include <unistd.h>

namespace ks {

namespace {

/// The state whose rules the kernel holds, when they are not the wanted ones.
std::optional<StateName> recognise(const State& state, const ObservedTables& tables) {
    for (const StateName candidate : {StateName::locked, StateName::panic}) {
        Situation situation = state.situation;
        situation.state = candidate;
        situation.tunnels_up.clear();
        situation.ipsec_up.clear();
        if (differences(compile(state.policy, situation), tables).empty()) {
            return candidate;
        }
    }
    return differences(builtin_lock(), tables).empty() ? std::optional(StateName::locked)
                                                       : std::nullopt;
}

/// Whether the kernel lets everything pass for a while.
bool is_paused(const ObservedTables& tables) {
    const ObservedTable* const inet = find_table(tables, TableFamily::inet);
    const ObservedSet* const set = inet == nullptr ? nullptr : find_named(inet->sets, kPausedSet);
    const auto lasts = [now = since_boot()](const auto& element) { return element.second > now; };
    return set != nullptr && (!set->elements.empty() || std::ranges::any_of(set->timed, lasts));
}

/// Looks for the cgroups of the policy now, and decides anew.
void look_at_cgroups(State& state) {
    state.cgroups = CgroupWatch::open(cgroups_of(state.policy)).ids();
    state.situation = decide(state);
    state.wanted = compile(state.policy, state.situation);
}

bool switched_off_at_boot() {
    std::ifstream file("/proc/cmdline");
    for (std::string word; file >> word;) {
        if (word == "killswitchd=off") {
            return true;
        }
    }
    return false;
}

}  // namespace

World observe(const Paths& paths) {
    World world{load_usable_config(paths), BootClock::open(paths.runtime_dir), {}};
    State& state = world.state;
    if (world.config.ok()) {
        state.policy = *world.config.policy;
    }
    state.now = world.clock.now();
    auto loaded = IntentStore(paths.state_dir).load(state.now);
    world.intents_problem = std::move(loaded.problem);
    state.remembered = loaded.intents;
    state.intents = expire(loaded.intents, state.now);
    state.asked_by = behind(loaded.intents, state.intents, std::move(loaded.by));
    if (auto links = read_links()) {
        state.links = *std::move(links);
    }
    world.imports = read_vpn_files(state.policy);
    state.learned = learned_endpoints(paths, state.policy, world.imports);
    world.port_files = read_ports_files(state.policy);
    state.ports = ports_in(world.port_files, state.policy);
    state.ipsec = IpsecWatch::open(state.policy).gateways();
    if (auto nftables = Nftables::open(Ownership::off)) {
        state.raw_support = nftables->raw_support();
        state.log_support = nftables->log_support();
    }
    look_at_cgroups(state);
    return world;
}

World observe_for_change(const Paths& paths) {
    World world = observe(paths);
    if (world.config.ok()) {
        make_confined_slice(world.state.policy);
        look_at_cgroups(world.state);
    }
    return world;
}

void take_tunnels_down(State& state) {
    state.ipsec = {};
    if (state.links) {
        for (auto& [index, link] : *state.links) {
            link.up = false;
        }
    }
}

KernelView look(Nftables& nftables, const std::optional<Ruleset>& wanted) {
    const auto fallback = nftables.fallback_stands();
    KernelView view{nftables.read(), fallback && *fallback};
    if (view.tables) {
        drop_ended(*view.tables, wanted, since_boot());
    }
    return view;
}

KernelView look_around(Nftables& nftables, const State& state) {
    KernelView view = look(nftables, state.wanted);
    if (view.tables && state.wanted && state.links) {
        view.others = read_bypasses(*state.links);
    }
    return view;
}

Observed compare(const State& state, const KernelView& view) {
    Observed observed;
    observed.boot_disabled = switched_off_at_boot();
    observed.fallback = view.fallback;
    if (!view.tables) {
        observed.unreadable = view.tables.error().message();
        const int why = view.tables.error().sys_errno;
        observed.needs_root = ::geteuid() != 0 && (why == EPERM || why == EACCES);
        return observed;
    }
    const ObservedTables& tables = *view.tables;
    observed.rules = drops_by_default(tables) ? Observed::Rules::filter
                     : tables.empty()         ? Observed::Rules::absent
                                              : Observed::Rules::idle;
    observed.paused = is_paused(tables);
    observed.differences = differences(state.wanted, tables);
    if (!observed.differences.empty() && observed.rules == Observed::Rules::filter) {
        observed.resembles = recognise(state, tables);
    }
    return observed;
}

std::optional<std::string> what_is_broken(const LoadedConfig& config) {
    if (config.ok()) {
        return std::nullopt;
    }
    const auto first =
        std::ranges::find(config.diagnostics, Diagnostic::Severity::error, &Diagnostic::severity);
    if (first == config.diagnostics.end()) {
        return "it is empty";
    }
    const std::string text = render(*first);
    return text.substr(0, text.find('\n'));
}

}  // namespace ks
