// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/step.hpp"

#include "killswitchd/compile.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/past_tunnel.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/tunnels.hpp"
#include "killswitchd/unconfirmed.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// A device that is gone is announced at once; this is for what nothing announces.
constexpr std::chrono::milliseconds kRawRetry{10'000};

constexpr const char* kStaysClosed = "; it stays closed";

/// Doubles from 100 ms and stays at 10 s.
std::chrono::milliseconds backoff(unsigned failures) {
    constexpr std::chrono::milliseconds kFirst{100};
    constexpr std::chrono::milliseconds kLast{10'000};
    constexpr unsigned kDoublings = 7;
    return std::min(kFirst * (1U << std::min(failures, kDoublings)), kLast);
}

/// Whether something that is up stands for the tunnel.
bool any_tunnel_up(const State& state) {
    return (state.links && !live_tunnels(state.policy, *state.links).empty()) ||
           !live_ipsec(state.policy, known_endpoints(state.policy, state.learned), state.ipsec)
                .empty();
}

/// `mode: on-drop` arms itself when a tunnel comes up, and stays so. Where the boot stage opens, it
/// must know that a lock is in force already.
void engage(State& state) {
    const bool open_at_boot = state.policy.boot == BootLock::open;
    const bool armed = state.policy.mode == Mode::always ||
                       (state.policy.mode == Mode::on_drop && any_tunnel_up(state));
    if (open_at_boot && armed && !state.intents.disarmed && !state.intents.engaged) {
        state.intents.engaged = true;
        state.asked_by = "the service";
    }
}

/// Has the intents written where that must come first, or can come at any time.
void remember_early(const State& state, bool commits, std::vector<Effect>& effects) {
    const bool late = commits && opens(state.remembered, state.intents);
    if (state.intents != state.remembered && !late) {
        effects.emplace_back(Remember{state.intents, state.asked_by});
    }
}

void watch_deadlines(State& state, std::vector<Effect>& effects) {
    auto wake = next_deadline(state.intents, state.now);
    if (wake != state.wake) {
        effects.emplace_back(WakeAt{wake});
        state.wake = std::move(wake);
    }
}

/// Says once each of what is refused now.
void announce_new(const char* key, std::vector<std::string> refused, const char* end,
                  std::vector<std::string>& announced, std::vector<Effect>& effects) {
    for (const std::string& reason : refused) {
        if (std::ranges::find(announced, reason) == announced.end()) {
            effects.emplace_back(Announce{key, fmt::format("{}{}", reason, end)});
        }
    }
    announced = std::move(refused);
}

std::vector<std::string> bypasses_of(const State& state) {
    return state.links ? ways_past(state.policy, state.situation, *state.links)
                       : std::vector<std::string>{};
}

/// Recomputes what is wanted, and asks for it where it is not what the kernel holds.
Step settle(State state) {
    Intents due = expire(state.intents, state.now);
    state.asked_by = behind(state.intents, due, std::move(state.asked_by));
    state.intents = std::move(due);
    engage(state);
    std::vector<Effect> effects;
    announce_new("tunnel-refused",
                 state.links ? refused_tunnels(state.policy, *state.links)
                             : std::vector<std::string>{},
                 kStaysClosed, state.refused, effects);
    watch_deadlines(state, effects);
    state.situation = decide(state);
    announce_new("lan-refused", state.situation.around.lan_refused, kStaysClosed, state.refused_lan,
                 effects);
    announce_new("past-the-lock", bypasses_of(state), "", state.bypasses, effects);
    std::optional<Ruleset> wanted = compile(state.policy, state.situation);
    const bool news = wanted != state.wanted || !state.in_force;
    state.wanted = std::move(wanted);
    remember_early(state, news, effects);
    if (!news) {
        return {std::move(state), std::move(effects)};
    }
    state.in_force = false;
    effects.emplace_back(Commit{state.wanted});
    return {std::move(state), std::move(effects)};
}

Step with_cgroups(State state, const CgroupsChanged& event) {
    state.cgroups = event.cgroups;
    std::string problem = event.unwatched ? event.unwatched->message() : std::string();
    const bool news = problem != state.cgroups_error && !problem.empty();
    state.cgroups_error = std::move(problem);
    Step next = settle(std::move(state));
    if (news) {
        next.effects.emplace_back(
            Announce{"cgroups-unwatched",
                     fmt::format("cgroups are looked at every second, and one that is made anew is "
                                 "not confined until then: {}",
                                 next.next.cgroups_error)});
    }
    return next;
}

/// The second layer may fail without the first: that holds, and this is tried again.
std::vector<Effect> note_raw(State& state, const std::optional<Error>& problem) {
    std::string text = problem ? problem->message() : std::string();
    std::vector<Effect> effects;
    if (problem) {
        effects.emplace_back(RetryAfter{kRawRetry});
        if (text != state.raw_error) {
            effects.emplace_back(Announce{
                "raw-failed", fmt::format("packet sockets are not blocked everywhere: {}", text)});
        }
    }
    state.raw_error = std::move(text);
    return effects;
}

Step committed(State state, const CommitSucceeded& event) {
    if (event.ruleset != state.wanted) {
        return {std::move(state), {}};  // Overtaken: the newer wish has its own commit under way.
    }
    state.in_force = true;
    state.failed_commits = 0;
    state.last_error.clear();
    std::vector<Effect> effects = note_raw(state, event.raw_problem);
    remember_early(state, /*commits=*/false, effects);
    std::string news =
        fmt::format("{}: {}", word(state.situation.state), meaning(state.policy, state.situation));
    if (state.announced != news) {  // Only now: before the kernel's word it is a promise.
        effects.emplace_back(Announce{"state-change", news});
        state.announced = std::move(news);
    }
    return {std::move(state), std::move(effects)};
}

Step failed(State state, const CommitFailed& event) {
    const auto delay = backoff(state.failed_commits);
    state.failed_commits = std::min(state.failed_commits + 1, 1'000'000U);
    state.last_error = event.why.message();
    Announce say{"commit-failed", fmt::format("the previous rules stay, retrying in {} ms: {}",
                                              delay.count(), state.last_error)};
    return {std::move(state), {RetryAfter{delay}, std::move(say)}};
}

Step restore(State state, std::string key, std::string text) {
    state.in_force = false;
    std::vector<Effect> effects{Commit{state.wanted}, Announce{std::move(key), std::move(text)}};
    return {std::move(state), std::move(effects)};
}

}  // namespace

Situation decide(const State& state) {
    Situation situation =
        decide(state.policy, state.links, state.intents, state.cgroups, state.ipsec, state.learned);
    situation.raw_support = state.raw_support;
    situation.open_ports = state.ports;
    if (state.raw_support == RawSupport::kernel_cannot) {
        situation.around.uplinks.clear();
    }
    situation.log = state.log_support;
    return situation;
}

Step step(State state, const Event& event) {
    return std::visit(
        Overloaded{
            // No catch-all: a new event must be decided here to compile.
            [&](const LinksChanged& e) {
                state.links = e.links;
                return settle(std::move(state));
            },
            [&](const LinksUnknown& e) {
                state.links.reset();
                Step next = settle(std::move(state));
                next.effects.emplace_back(
                    Announce{"links-unknown",
                             fmt::format("treating every tunnel as down: {}", e.why.message())});
                return next;
            },
            [&](const IpsecChanged& e) {
                state.ipsec = e.gateways;
                return settle(std::move(state));
            },
            [&](const IpsecUnknown& e) {
                state.ipsec.clear();
                Step next = settle(std::move(state));
                next.effects.emplace_back(
                    Announce{"ipsec-unknown",
                             fmt::format("treating every tunnel by IPsec policy as down: {}",
                                         e.why.message())});
                return next;
            },
            [&](const PolicyLoaded& e) {
                state.policy = e.policy;
                state.learned = e.learned.value_or(std::move(state.learned));
                state.ports = e.ports.value_or(std::move(state.ports));
                return e.cgroups ? with_cgroups(std::move(state), *e.cgroups)
                                 : settle(std::move(state));
            },
            [&](const PortsChanged& e) {
                state.ports = e.ports;
                return settle(std::move(state));
            },
            [&](const EndpointsChanged& e) {
                state.learned = with_source(std::move(state.learned), e.source, e.learned);
                return settle(std::move(state));
            },
            [&](const IntentsChanged& e) {
                state.intents = e.intents;
                state.asked_by = e.by;
                return settle(std::move(state));
            },
            [&](const TimeIs& e) {
                state.now = e.now;
                const Intents due = expire(state.intents, state.now);
                if (due != state.intents && !state.intents.confirm_by) {
                    state.asked_by = "a deadline";
                }
                return settle(std::move(state));
            },
            [&](const Remembered& e) {
                state.remembered = e.intents;
                state.remember_error.clear();
                return Step{std::move(state), {}};
            },
            [&](const NotRemembered& e) {
                state.remember_error = e.why.message();
                Announce say{"state-not-saved",
                             fmt::format("a restart would go by an older decision: {}",
                                         state.remember_error)};
                return Step{std::move(state), {std::move(say)}};
            },
            [&](const CgroupsChanged& e) { return with_cgroups(std::move(state), e); },
            [&](const CommitSucceeded& e) { return committed(std::move(state), e); },
            [&](const CommitFailed& e) { return failed(std::move(state), e); },
            [&](const TableTouched& e) {
                return restore(std::move(state), "table-altered",
                               fmt::format("the rules were changed by '{}', restoring them", e.by));
            },
            [&](const TableUnreadable& e) {
                return restore(std::move(state), "table-unreadable",
                               fmt::format("committing the rules again: {}", e.why.message()));
            },
            [&](const RetryDue&) {
                Step next{std::move(state), {}};
                if (!next.next.in_force || !next.next.raw_error.empty()) {
                    next.effects.emplace_back(Commit{next.next.wanted});
                }
                return next;
            },
        },
        event);
}

}  // namespace ks
