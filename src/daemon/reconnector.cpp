// SPDX-License-Identifier: GPL-2.0-or-later
#include "reconnector.hpp"

#include "../host/reconnect_requests.hpp"
#include "killswitchd/log.hpp"
#include "killswitchd/time.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr const char* kReconnect = "reconnect";  // Key of the timer.
/// Nothing announces that a server no longer answers.
constexpr std::chrono::seconds kNextQuestion{30};

bool helps(const Policy& policy) {
    return std::ranges::any_of(policy.tunnels,
                               [](const Tunnel& tunnel) { return tunnel.reconnect.has_value(); });
}

}  // namespace

void Reconnector::look() {
    reactor_.cancel(kReconnect);
    const State& state = engine_.state();
    if (!helps(state.policy)) {
        outages_.clear();
        return;
    }
    const auto now = since_boot();
    ReconnectPlan plan = plan_reconnects(state, outages_, silent_interfaces(), now);
    outages_ = std::move(plan.outages);
    for (const Tunnel* const tunnel : plan.due) {
        ask(*tunnel, outages_.at(tunnel->name).asked);
    }
    std::optional<std::chrono::nanoseconds> next;
    if (plan.wake) {
        next = *plan.wake - now;
    }
    if (!state.situation.tunnels_up.empty()) {
        next = std::min<std::chrono::nanoseconds>(next.value_or(kNextQuestion), kNextQuestion);
    }
    if (next) {  // Rounded up: a moment too early would find nothing that is due.
        reactor_.after(kReconnect, std::chrono::ceil<std::chrono::milliseconds>(*next),
                       [this] { look(); });
    }
}

std::set<std::string> Reconnector::silent_interfaces() {
    std::set<std::string> silent;
    for (const auto& [interface, answers] : answers_.look(engine_.state())) {
        if (answers.silent) {
            silent.insert(interface);
        }
    }
    return silent;
}

void Reconnector::ask(const Tunnel& tunnel, unsigned times) {
    const std::string text =
        fmt::format("tunnel '{}' is down or silent: {} is to be restarted (request {} in a row)",
                    tunnel.name, tunnel.reconnect->unit, times);
    if (auto asked = request_restart(paths_, tunnel.reconnect->unit); !asked) {
        log(Severity::warning, "reconnect-failed", asked.error().message());
        return;
    }
    log(Severity::notice, "reconnect", text,
        {{"KILLSWITCHD_TUNNEL", tunnel.name}, {"KILLSWITCHD_UNIT", tunnel.reconnect->unit}});
    service_.publish("reconnect", text);
}

}  // namespace ks
