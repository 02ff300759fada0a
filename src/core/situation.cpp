// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/situation.hpp"

#include "killswitchd/endpoints.hpp"
#include "killswitchd/holes.hpp"
#include "killswitchd/intents.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/surroundings.hpp"
#include "killswitchd/tunnels.hpp"
#include "killswitchd/via.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
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

/// Whom `scope: apps` confines: "user 1000, cgroup web.slice".
std::string confined(const Apps& apps) {
    std::vector<std::string> all;
    for (const std::uint32_t uid : apps.users) {
        all.push_back(fmt::format("user {}", uid));
    }
    for (const std::uint32_t gid : apps.groups) {
        all.push_back(fmt::format("group {}", gid));
    }
    for (const std::string& path : apps.cgroups) {
        all.push_back(fmt::format("cgroup {}", path));
    }
    if (all.empty()) {  // And beside others it goes without saying.
        return "what run-confined starts";
    }
    return fmt::format("{}", fmt::join(all, ", "));
}

std::string meaning_when_locked(const Policy& policy, const Situation& situation,
                                std::size_t holes) {
    const std::string down =
        situation.carriers.empty()
            ? "no tunnel is up"
            : fmt::format("no tunnel inside {} is up", situation.carriers.front().interface);
    if (policy.scope == Scope::apps) {
        return fmt::format("{}, nothing of {} leaves{}; all others are free", down,
                           confined(policy.apps), holes > 1 ? " but by the holes" : "");
    }
    const bool no_server = std::ranges::all_of(
        situation.endpoints, [](const auto& known) { return known.second.empty(); });
    const bool asks = policy.bootstrap.user.has_value();
    if (holes != 0) {
        return fmt::format("{}, traffic leaves only {}{}by the holes", down,
                           no_server ? "" : "to the VPN server and ",
                           asks ? "to ask for its address, and " : "");
    }
    if (asks) {
        return fmt::format("{}, only {}questions for the VPN server's address leave", down,
                           no_server ? "" : "packets to the VPN server and ");
    }
    return fmt::format("{}, {}", down,
                       no_server ? "nothing leaves" : "only packets to the VPN server leave");
}

std::string meaning_when_protected(const Policy& policy, const Situation& situation,
                                   std::size_t holes) {
    const std::string ways = fmt::format("{}", fmt::join(ways_in_words(policy, situation), ", "));
    if (policy.scope == Scope::apps) {
        return fmt::format("traffic of {} leaves {}through {}{}; all others are free",
                           confined(policy.apps), holes > 1 ? "" : "only ", ways,
                           holes > 1 ? " and by the holes" : "");
    }
    return holes == 0 ? fmt::format("traffic leaves only through {}", ways)
                      : fmt::format("traffic leaves through {}, and by the holes", ways);
}

}  // namespace

std::string_view word(StateName state) noexcept {
    return std::ranges::find(kWords, state, &std::pair<StateName, std::string_view>::first)->second;
}

std::optional<StateName> state_from(std::string_view word) noexcept {
    const auto* const found =
        std::ranges::find(kWords, word, &std::pair<StateName, std::string_view>::second);
    return found == kWords.end() ? std::nullopt : std::optional(found->first);
}

std::vector<std::string> all_holes(const Policy& policy, const Situation& situation) {
    std::vector<std::string> all = holes(policy, situation.endpoints, situation.open_ports);
    for (const auto& [user, until] : situation.user_pauses) {
        all.push_back(fmt::format("pause: user {} may send outside the tunnel", user));
    }
    const bool asked = policy.raw == Raw::block && policy.scope == Scope::all;
    if (asked && situation.raw_support == RawSupport::kernel_cannot) {
        all.emplace_back("raw: this kernel cannot block packet sockets and bridged guests");
    }
    return all;
}

std::vector<std::string> open_holes(const Policy& policy, const Situation& situation) {
    const bool rules =
        situation.state == StateName::locked || situation.state == StateName::protected_;
    return rules ? all_holes(policy, situation) : std::vector<std::string>{};
}

std::string meaning(const Policy& policy, const Situation& situation) {
    const std::size_t holes = open_holes(policy, situation).size();
    switch (situation.state) {
    case StateName::disarmed:
        return "nothing is blocked";
    case StateName::locked:
        return meaning_when_locked(policy, situation, holes);
    case StateName::protected_:
        return meaning_when_protected(policy, situation, holes);
    case StateName::paused:
        return "everything may leave until the pause ends";
    case StateName::panic:
        return "nothing leaves until `killswitchd unlock`";
    }
    return {};
}

StateName behind_pause(const Situation& situation) noexcept {
    return situation.tunnels_up.empty() && situation.ipsec_up.empty() ? StateName::locked
                                                                      : StateName::protected_;
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
            Surroundings around = surroundings(policy, *links, situation.endpoints);
            situation.around.uplinks = std::move(around.uplinks);
            situation.around.inside = std::move(around.inside);
        }
        return situation;
    }
    const bool waiting =
        policy.mode == Mode::on_drop && policy.boot == BootLock::open && !intents.engaged;
    if (intents.disarmed || policy.mode == Mode::off || waiting) {
        situation.state = StateName::disarmed;
        return situation;
    }
    if (links) {
        TunnelsUp up = of_use(policy, live_tunnels(policy, *links));
        situation.tunnels_up = std::move(up.ways);
        situation.carriers = std::move(up.carriers);
        situation.ipsec_up = live_ipsec(policy, situation.endpoints, ipsec);
        situation.around = surroundings(policy, *links, situation.endpoints);
    }
    situation.state = behind_pause(situation);
    for (const auto& [user, until] : intents.user_pauses) {
        situation.user_pauses.emplace(user, until.since_boot);
    }
    if (intents.open_until) {
        situation.state = StateName::paused;
        situation.open_until = intents.open_until->since_boot;
    }
    return situation;
}

}  // namespace ks
