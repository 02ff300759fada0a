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

Situation decide(const Policy& policy, const std::optional<LinkTable>& links,
                 const Intents& intents, CgroupIds cgroups) {
    Situation situation;
    situation.cgroups = std::move(cgroups);
    if (intents.panic) {
        situation.state = StateName::panic;
        return situation;
    }
    const bool waiting = policy.mode == Mode::on_drop && !intents.engaged;
    if (intents.disarmed || policy.mode == Mode::off || waiting) {
        situation.state = StateName::disarmed;
        return situation;
    }
    if (links) {
        situation.tunnels_up = live_tunnels(policy, *links);
        situation.around = surroundings(policy, *links);
    }
    situation.state = situation.tunnels_up.empty() ? StateName::locked : StateName::protected_;
    return situation;
}

}  // namespace ks
