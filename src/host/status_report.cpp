// SPDX-License-Identifier: GPL-2.0-or-later
#include "status_report.hpp"

#include "killswitchd/desired_tables.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/lease.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/past_tunnel.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/time.hpp"
#include "killswitchd/tunnels.hpp"
#include "killswitchd/via.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <unistd.h>

namespace ks {

namespace {

TunnelUse use_of(const Tunnel& tunnel, const State& state) {
    if (!tunnel.ipsec) {
        TunnelUse use = use_of(tunnel, state.links);
        const Tunnel* const outer = outer_of(state.policy, tunnel);
        if (use.up && outer != nullptr && !use_of(*outer, state).up) {
            use = {false, false,
                   fmt::format("{} is up but not used: it goes through {}, which is not up",
                               tunnel.interface, outer->name)};
        }
        return use;
    }
    const auto live = live_ipsec(state.policy, state.situation.endpoints, state.ipsec);
    const bool up = std::ranges::find(live, tunnel.name) != live.end();
    return {up, false, up ? "" : "the kernel has no IPsec policy to its endpoints"};
}

/// The kind that the kernel reports, else the configured one.
std::string kind_of(const Tunnel& tunnel, const std::optional<LinkTable>& links) {
    if (tunnel.ipsec) {
        return "ipsec";
    }
    std::string kind = tunnel.kind;
    if (links) {
        for (const auto& [index, link] : *links) {
            if (interface_matches(tunnel.interface, link.name, link.group)) {
                kind = link.kind;
            }
        }
    }
    return kind;
}

/// Of the interface that answered last, where several fit.
std::optional<Answers> answers_of(const Tunnel& tunnel, const AnswerWatch::All& all) {
    std::optional<Answers> latest;
    for (const auto& [interface, answers] : all) {
        if (interface_matches(tunnel.interface, interface) &&
            (!latest || latest->last < answers.last)) {
            latest = answers;
        }
    }
    return latest;
}

std::vector<TunnelReport> tunnels_of(const State& state, const AnswerWatch::All& answers) {
    std::vector<TunnelReport> all;
    for (const Tunnel& tunnel : state.policy.tunnels) {
        TunnelUse use = use_of(tunnel, state);
        TunnelReport one{tunnel.name, tunnel.interface, kind_of(tunnel, state.links),
                         use.up,      use.refused,      std::move(use.problem),
                         {}};
        for (const KnownEndpoint& known : endpoints_of(state.situation.endpoints, tunnel.name)) {
            one.endpoints.push_back({known.endpoint.str(), provenance(known),
                                     known.learned ? utc_text(*known.learned) : std::string()});
        }
        one.answers = answers_of(tunnel, answers);
        one.via = tunnel.via;
        all.push_back(std::move(one));
    }
    return all;
}

/// What the rules of `scope: apps` cannot know, and what may lead past the tunnel.
std::vector<std::string> notices_of(const State& state) {
    std::vector<std::string> all;
    for (const std::string& path : confined_cgroups(state.policy)) {
        if (!state.cgroups.contains(path)) {
            all.push_back(fmt::format("cgroup {} does not exist, so it confines nobody", path));
        }
    }
    if (!state.cgroups_error.empty()) {
        all.push_back(
            fmt::format("cgroups are only looked at every second: {}", state.cgroups_error));
    }
    if (state.links) {
        std::ranges::move(ways_past(state.policy, state.situation, *state.links),
                          std::back_inserter(all));
    }
    return all;
}

std::vector<LeaseReport> leases_of(const State& state) {
    std::vector<LeaseReport> all;
    for (const KnownEndpoint& one : endpoints_of(state.situation.endpoints, kLeases)) {
        all.push_back({one.endpoint.str(), provenance(one),
                       one.learned ? utc_text(*one.learned) : std::string(),
                       lease_text(one.only.value_or(Only{}))});
    }
    return all;
}

std::map<std::string, CounterValue> counters_of(const ObservedTables& tables) {
    std::map<std::string, CounterValue> all;
    for (const TableFamily family : {TableFamily::inet, TableFamily::netdev}) {
        if (const ObservedTable* const table = find_table(tables, family)) {
            for (const auto& [name, value] : table->counters) {
                all[name] = value;
            }
        }
    }
    return all;
}

/// Whether the kernel holds a chain as it should be.
bool holds(const ObservedTable* should, const ObservedTable* is, const std::string& chain) {
    if (should == nullptr || is == nullptr || is->dormant) {
        return false;
    }
    const ObservedChain* const wanted = find_named(should->chains, chain);
    const ObservedChain* const there = find_named(is->chains, chain);
    return wanted != nullptr && there != nullptr && wanted->base == there->base &&
           std::ranges::equal(wanted->rules, there->rules, {}, &ObservedRule::expressions,
                              &ObservedRule::expressions);
}

/// Of packet sockets and bridged guests, device by device, as the kernel has it now.
void report_raw(const State& state, const ObservedTables& tables, StatusReport& report) {
    const Ruleset ruleset = state.wanted.value_or(Ruleset{});
    const auto desired = desired_tables(ruleset);
    const ObservedTable* const should =
        desired ? find_table(*desired, TableFamily::netdev) : nullptr;
    const ObservedTable* const is = find_table(tables, TableFamily::netdev);
    for (const Chain& chain : ruleset.chains) {
        if (chain.hook != Hook::egress) {
            continue;
        }
        const bool every = at_every_device(chain);
        const bool blocks = holds(should, is, chain.name) &&
                            (!every || holds(should, is, chain.rules.front().target));
        (blocks ? report.raw_blocked : report.raw_open).push_back(every ? "*" : chain.device->name);
    }
    const bool wanted =
        state.wanted && state.policy.raw == Raw::block && state.policy.scope == Scope::all;
    if (wanted && state.raw_support == RawSupport::kernel_cannot) {
        report.raw = "unsupported";
    } else if (!wanted || tables.empty() ||
               (report.raw_blocked.empty() && !report.raw_open.empty())) {
        report.raw = "allowed";
    } else {
        report.raw = report.raw_open.empty() ? "blocked" : "partly";
    }
}

std::string ownership_of(const ObservedTable* table) {
    if (table == nullptr || table->owner == TableOwner::none) {
        return "none";
    }
    return table->owner == TableOwner::orphan ? "orphan" : "owned";
}

/// Seconds from now on, at least 0; nothing for a moment that is not wanted.
std::optional<std::int64_t> seconds_until(const std::optional<Instant>& moment) {
    if (!moment) {
        return std::nullopt;
    }
    const auto left = std::chrono::ceil<std::chrono::seconds>(moment->since_boot - since_boot());
    return std::max<std::int64_t>(left.count(), 0);
}

/// Whether the boot stage will run: systemd's link, or OpenRC's.
bool boot_stage_enabled() {
    constexpr std::array kLinks{
        "/etc/systemd/system/sysinit.target.wants/killswitchd-boot.service",
        "/etc/runlevels/boot/killswitchd-boot",
    };
    return std::ranges::any_of(kLinks, [](const char* link) { return ::access(link, F_OK) == 0; });
}

}  // namespace

StatusReport make_report(const State& state, const Observed& observed, const KernelView& view,
                         ConfigInfo config, const AnswerWatch::All& answers) {
    const ObservedTables tables = view.tables ? *view.tables : ObservedTables{};
    const ObservedTable* const inet = find_table(tables, TableFamily::inet);
    StatusReport report;
    report.judgement = judge(state, observed);
    report.armed = is_armed(state, observed);
    report.mode = word(state.policy.mode);
    report.scope = state.policy.scope == Scope::apps ? "apps" : "all";
    report.service_running = observed.service == Observed::Service::running;
    report.last_error = state.last_error.empty() ? state.remember_error : state.last_error;
    report.confirm_within = seconds_until(state.intents.confirm_by);
    report.paused_for = seconds_until(state.intents.open_until);
    for (const auto& [user, until] : state.intents.user_pauses) {
        report.user_pauses.emplace(user, *seconds_until(until));
    }
    report.ipv6 = state.policy.ipv6 == Ipv6::block ? "block" : "tunnel";
    report.tunnels = tunnels_of(state, answers);
    report.leases = leases_of(state);
    if (state.situation.state != StateName::panic) {
        report.holes = all_holes(state.policy, state.situation);
    }
    report.notices = notices_of(state);
    report.notices.insert(report.notices.end(), view.others.begin(), view.others.end());
    report.counters = counters_of(tables);
    report.ownership = ownership_of(inet);
    report_raw(state, tables, report);
    report.persistent = inet != nullptr && inet->persist;
    report.fallback = observed.fallback;
    report.boot_lock = report.armed && state.policy.boot == BootLock::lock && boot_stage_enabled();
    report.boot_disabled = observed.boot_disabled;
    report.config = std::move(config);
    return report;
}

}  // namespace ks
