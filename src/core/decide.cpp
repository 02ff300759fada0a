// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/state.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ks {

namespace {

constexpr std::array<std::pair<StateName, std::string_view>, 4> kWords{{
    {StateName::disarmed, "disarmed"},
    {StateName::locked, "locked"},
    {StateName::protected_, "protected"},
    {StateName::panic, "panic"},
}};

}  // namespace

std::string_view word(StateName state) noexcept {
    return std::ranges::find(kWords, state, &std::pair<StateName, std::string_view>::first)->second;
}

std::optional<StateName> state_from(std::string_view word) noexcept {
    const auto* const found =
        std::ranges::find(kWords, word, &std::pair<StateName, std::string_view>::second);
    return found == kWords.end() ? std::nullopt : std::optional(found->first);
}

std::vector<std::string> live_tunnels(const Policy& policy, const LinkTable& links) {
    const auto is_live_tunnel = [&](const Link& link) {
        return link.up && std::ranges::any_of(policy.tunnels, [&](const Tunnel& tunnel) {
                   return interface_matches(tunnel.interface, link.name) &&
                          (tunnel.kind.empty() || tunnel.kind == link.kind);
               });
    };
    std::vector<std::string> names;
    for (const auto& [index, link] : links) {
        if (is_live_tunnel(link)) {
            names.push_back(link.name);
        }
    }
    std::ranges::sort(names);
    return names;
}

Situation decide(const Policy& policy, const std::optional<LinkTable>& links,
                 const Intents& intents, CgroupIds cgroups) {
    Situation situation;
    situation.cgroups = std::move(cgroups);
    if (intents.panic) {
        situation.state = StateName::panic;
        return situation;
    }
    if (intents.disarmed || policy.mode == Mode::off) {
        situation.state = StateName::disarmed;
        return situation;
    }
    if (links) {
        situation.tunnels_up = live_tunnels(policy, *links);
    }
    situation.state = situation.tunnels_up.empty() ? StateName::locked : StateName::protected_;
    return situation;
}

}  // namespace ks
