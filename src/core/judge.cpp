// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/judge.hpp"

#include "killswitchd/unconfirmed.hpp"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

using Rules = Observed::Rules;

Summary summary_of(StateName state) {
    switch (state) {
    case StateName::disarmed:
        return Summary::open;
    case StateName::locked:
        return Summary::locked;
    case StateName::protected_:
        return Summary::protected_;
    case StateName::paused:
        return Summary::paused;
    case StateName::panic:
        return Summary::panic;
    }
    return Summary::unknown;
}

std::string state_word(StateName state) {
    return std::string(word(state));
}

/// The state that the rules in the kernel are of, or the one that locks.
std::string standing(const Observed& observed) {
    return state_word(observed.resembles.value_or(StateName::locked));
}

std::string awaited(const Policy& policy) {
    std::vector<std::string> names;
    for (const Tunnel& tunnel : policy.tunnels) {
        names.push_back(tunnel.ipsec ? tunnel.name : tunnel.interface);
    }
    return fmt::format("{}", fmt::join(names, " or "));
}

std::string why_open(const State& state, const Observed& observed) {
    if (observed.boot_disabled && observed.service == Observed::Service::stopped) {
        return "killswitchd=off is on the kernel's command line; a boot without it locks again";
    }
    if (observed.broken_config && !state.intents.disarmed) {
        return fmt::format("the config cannot be used, and nothing is blocked: {}",
                           *observed.broken_config);
    }
    if (state.intents.disarmed) {
        return unconfirmed(state.asked_by).value_or("disarmed, nothing is blocked");
    }
    if (state.policy.mode == Mode::off) {
        return "mode is off in the config";
    }
    const std::string tunnels = awaited(state.policy);
    return observed.service == Observed::Service::running
               ? fmt::format("on-drop, waiting for {} to come up for the first time", tunnels)
               : fmt::format("on-drop, but no service runs to wait for {}", tunnels);
}

/// Nothing of ours filters.
Judgement judge_open(const State& state, const Observed& observed) {
    if (observed.fallback) {
        return {Summary::degraded, state_word(StateName::locked),
                "only the fallback table is in the kernel; `systemctl start killswitchd` completes "
                "it, `killswitchd disarm` opens",
                false};
    }
    const bool wanted = !state.wanted && !observed.broken_config;
    const bool meant =
        wanted || state.intents.disarmed || observed.boot_disabled || observed.broken_config;
    return {Summary::open, state_word(StateName::disarmed),
            meant && !state.intents.panic ? why_open(state, observed)
                                          : "armed, but the kernel holds no rules: nothing is "
                                            "blocked",
            wanted && observed.rules == Rules::absent};
}

/// The rules filter nothing before the elements of the pause end.
Judgement judge_paused(const State& state, const Observed& observed) {
    const std::string word = state_word(StateName::paused);
    if (state.situation.state != StateName::paused) {
        return {Summary::open, word, "a pause that nobody wants is on in the kernel", false};
    }
    const bool alone = observed.service == Observed::Service::stopped;
    return {Summary::paused, word,
            fmt::format("{}{}", meaning(state.policy, state.situation),
                        alone ? "; no service runs, the kernel closes by itself" : ""),
            observed.differences.empty()};
}

/// What is wanted where the kernel has ended a pause before anybody else did.
Situation closed(Situation situation) {
    if (situation.state == StateName::paused) {
        situation.state = behind_pause(situation);
    }
    return situation;
}

Judgement degraded(std::string state, std::string reason, bool verified) {
    return {Summary::degraded, std::move(state), std::move(reason), verified};
}

/// Of rules that are those that are wanted.
Judgement with_holes(Judgement judgement, const State& state) {
    judgement.holes = open_holes(state.policy, closed(state.situation)).size();
    return judgement;
}

std::string first_of(const std::vector<Difference>& differences) {
    return fmt::format(
        "the rules in the kernel are not those of the config: {}{}", describe(differences[0]),
        differences.size() > 1 ? fmt::format(" (and {} more)", differences.size() - 1) : "");
}

}  // namespace

std::string_view word(Summary summary) noexcept {
    switch (summary) {
    case Summary::protected_:
        return "PROTECTED";
    case Summary::locked:
        return "LOCKED";
    case Summary::panic:
        return "PANIC";
    case Summary::paused:
        return "PAUSED";
    case Summary::degraded:
        return "DEGRADED";
    case Summary::open:
        return "OPEN";
    case Summary::unknown:
        return "UNKNOWN";
    }
    return "UNKNOWN";
}

std::string headline(const Judgement& judgement) {
    const std::string holes = judgement.holes == 0 ? std::string()
                                                   : fmt::format(", {} hole{}", judgement.holes,
                                                                 judgement.holes == 1 ? "" : "s");
    return fmt::format("{}{}{}: {}", word(judgement.summary), holes,
                       judgement.silent ? ", but silent" : "", judgement.reason);
}

int exit_code(Summary summary) noexcept {
    constexpr int kLocked = 0, kDegraded = 1, kOpen = 3, kCannotTell = 4;
    switch (summary) {
    case Summary::protected_:
    case Summary::locked:
    case Summary::panic:
        return kLocked;
    case Summary::degraded:
        return kDegraded;
    case Summary::paused:
    case Summary::open:
        return kOpen;
    case Summary::unknown:
        return kCannotTell;
    }
    return kCannotTell;
}

bool is_armed(const State& state, const Observed& observed) {
    const bool by_config =
        (observed.broken_config && observed.service == Observed::Service::stopped) ||
        state.policy.mode != Mode::off;
    return state.intents.panic || (by_config && !state.intents.disarmed);
}

Judgement judge(const State& state, const Observed& observed) {
    if (observed.needs_root) {
        return {Summary::unknown, "unknown", "this needs root: sudo killswitchd status", false};
    }
    if (observed.unreadable) {
        return {Summary::unknown, "unknown",
                fmt::format("the kernel's rules cannot be read: {}", *observed.unreadable), false};
    }
    if (observed.rules != Rules::filter) {
        return judge_open(state, observed);
    }
    if (observed.paused) {
        return judge_paused(state, observed);
    }
    if (observed.broken_config && observed.service == Observed::Service::stopped) {
        return degraded(standing(observed),
                        fmt::format("the lock holds, but no service runs and the config on disk is "
                                    "broken: {}",
                                    *observed.broken_config),
                        false);
    }
    if (!state.wanted) {
        return degraded(standing(observed), "not armed, but a lock is still in the kernel", false);
    }
    if (!observed.differences.empty()) {
        return degraded(standing(observed), first_of(observed.differences), false);
    }
    const Situation now = closed(state.situation);
    const std::string name = state_word(now.state);
    if (observed.service == Observed::Service::stopped) {
        return with_holes(degraded(name,
                                   fmt::format("the service is not running; the rules stand: {}",
                                               meaning(state.policy, now)),
                                   true),
                          state);
    }
    if (observed.broken_config) {
        return with_holes(
            degraded(
                name,
                fmt::format("{} holds by the config in force, but the one on disk is broken: {}",
                            word(summary_of(now.state)), *observed.broken_config),
                true),
            state);
    }
    Judgement verdict{summary_of(now.state), name, meaning(state.policy, now), true};
    if (verdict.summary == Summary::protected_ && observed.silent) {
        verdict.silent = true;
        verdict.reason = *observed.silent;
    }
    return with_holes(std::move(verdict), state);
}

}  // namespace ks
