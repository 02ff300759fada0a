// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/reconnect.hpp"

#include "killswitchd/tunnels.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace ks {

namespace {

/// While the machine is open nobody waits for the VPN, and in a panic nobody may.
bool wants_tunnels(const State& state) {
    return state.situation.state == StateName::locked ||
           state.situation.state == StateName::protected_;
}

bool works(const State& state, const Tunnel& tunnel, const std::set<std::string>& silent) {
    if (tunnel.ipsec) {
        return std::ranges::count(state.situation.ipsec_up, tunnel.name) > 0;
    }
    return use_of(tunnel, state.links).up &&
           std::ranges::none_of(silent, [&](const std::string& interface) {
               return interface_matches(tunnel.interface, interface);
           });
}

std::chrono::nanoseconds pause_after(const Reconnect& reconnect, unsigned asked) {
    constexpr unsigned kMostDoublings = 10;
    const std::chrono::seconds longest =
        std::max<std::chrono::seconds>(reconnect.after, kLongestReconnectPause);
    return std::min(reconnect.after * (1U << std::min(asked, kMostDoublings)), longest);
}

}  // namespace

bool is_reconnect_unit(std::string_view unit) noexcept {
    constexpr std::string_view kEnd = ".service";
    constexpr std::string_view kLetters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.@\\-";
    constexpr std::size_t kLongest = 255;  // Source: systemd.unit(5).
    return unit.size() <= kLongest && unit.size() > kEnd.size() && unit.ends_with(kEnd) &&
           unit.find_first_not_of(kLetters) == std::string_view::npos && !unit.starts_with('-') &&
           !unit.starts_with('.') && !unit.starts_with('@') && std::ranges::count(unit, '@') <= 1 &&
           unit.find("@.") == std::string_view::npos && !unit.starts_with("killswitchd");
}

ReconnectPlan plan_reconnects(const State& state, const Outages& before,
                              const std::set<std::string>& silent, std::chrono::nanoseconds now) {
    ReconnectPlan plan;
    for (const Tunnel& tunnel : state.policy.tunnels) {
        if (!tunnel.reconnect || !wants_tunnels(state) || works(state, tunnel, silent)) {
            continue;
        }
        const auto known = before.find(tunnel.name);
        Outage outage = known == before.end() ? Outage{now + pause_after(*tunnel.reconnect, 0), 0}
                                              : known->second;
        if (outage.due <= now) {
            plan.due.push_back(&tunnel);
            ++outage.asked;
            outage.due = now + pause_after(*tunnel.reconnect, outage.asked);
        }
        plan.wake = std::min(plan.wake.value_or(outage.due), outage.due);
        plan.outages.emplace(tunnel.name, outage);
    }
    return plan;
}

}  // namespace ks
