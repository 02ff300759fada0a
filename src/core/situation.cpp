// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/situation.hpp"

#include "killswitchd/endpoints.hpp"
#include "killswitchd/intents.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/surroundings.hpp"
#include "killswitchd/tunnels.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::array<std::pair<StateName, std::string_view>, 5> kWords{{
    {StateName::disarmed, "disarmed"},
    {StateName::locked, "locked"},
    {StateName::protected_, "protected"},
    {StateName::paused, "paused"},
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

std::string meaning(const Situation& situation) {
    switch (situation.state) {
    case StateName::disarmed:
        return "nothing is blocked";
    case StateName::locked:
        return "no tunnel is up, nothing else leaves";
    case StateName::protected_:
        return fmt::format("traffic leaves only through {}", fmt::join(ways_out(situation), ", "));
    case StateName::paused:
        return "everything may leave until the pause ends";
    case StateName::panic:
        return "nothing leaves until `killswitchd unlock`";
    }
    return {};
}

std::vector<std::string> ways_out(const Situation& situation) {
    std::vector<std::string> names;
    std::ranges::transform(situation.tunnels_up, std::back_inserter(names), &LiveTunnel::interface);
    names.insert(names.end(), situation.ipsec_up.begin(), situation.ipsec_up.end());
    return names;
}

Situation decide(const Policy& policy, const std::optional<LinkTable>& links,
                 const Intents& intents, CgroupIds cgroups, const IpsecGateways& ipsec,
                 const KnownEndpoints& learned) {
    Situation situation;
    situation.endpoints = known_endpoints(policy, learned);
    situation.cgroups = std::move(cgroups);
    if (intents.panic) {
        situation.state = StateName::panic;
        if (links) {  // Nothing else of them is let through.
            situation.around.uplinks = surroundings(policy, *links).uplinks;
        }
        return situation;
    }
    const bool waiting =
        policy.mode == Mode::on_drop && policy.boot == BootLock::open && !intents.engaged;
    if (intents.disarmed || policy.mode == Mode::off || waiting) {
        situation.state = StateName::disarmed;
        return situation;
    }
    if (intents.open_until) {
        situation.state = StateName::paused;
        return situation;
    }
    if (links) {
        situation.tunnels_up = live_tunnels(policy, *links);
        situation.ipsec_up = live_ipsec(policy, situation.endpoints, ipsec);
        situation.around = surroundings(policy, *links, situation.endpoints);
    }
    situation.state = ways_out(situation).empty() ? StateName::locked : StateName::protected_;
    return situation;
}

}  // namespace ks
