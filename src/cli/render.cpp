// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/observe.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/time.hpp"
#include "render_json.hpp"
#include "terminal.hpp"

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ks::cli {

namespace {

constexpr std::chrono::minutes kShownPause{10};

/// The situation that `state` names, with every configured tunnel up where it needs one.
Situation imagine(const Policy& policy, const KnownEndpoints& learned, StateName state) {
    Situation situation{state, {}, {}};
    situation.endpoints = known_endpoints(policy, learned);
    if (state == StateName::paused) {  // As one that begins now.
        situation.open_until = since_boot() + kShownPause;
    }
    for (const Tunnel& tunnel : policy.tunnels) {
        if (state == StateName::protected_ && tunnel.ipsec) {
            situation.ipsec_up.push_back(tunnel.name);
        } else if (state == StateName::protected_) {
            const auto group = group_in(tunnel.interface);
            situation.tunnels_up.push_back(
                {group ? std::string() : tunnel.interface, tunnel.kind, group});
        }
    }
    return situation;
}

/// The devices that nft can write of those that there are.
std::vector<std::string> devices_in(const std::optional<LinkTable>& links) {
    std::vector<std::string> names;
    for (const auto& [index, link] : links.value_or(LinkTable{})) {
        if (nameable(link.name)) {
            names.push_back(link.name);
        }
    }
    return names;
}

/// A cgroup that does not exist yet has no id; the text shows its path all the same.
CgroupIds with_placeholders(const Policy& policy, CgroupIds ids) {
    for (const Tunnel& tunnel : policy.tunnels) {
        if (tunnel.only.cgroup) {
            ids.emplace(*tunnel.only.cgroup, 0);
        }
    }
    return ids;
}

}  // namespace

int render(const Options& options) {
    const World world = observe(options.paths);
    if (!world.config.ok()) {
        complain(world.config.diagnostics);
        return kConfigInvalid;
    }
    const Policy& policy = *world.config.policy;
    Situation situation = options.state.empty()
                              ? world.state.situation
                              : imagine(policy, world.state.learned, *state_from(options.state));
    situation.raw_support = world.state.raw_support;
    situation.cgroups = with_placeholders(policy, world.state.cgroups);
    const auto ruleset = compile(policy, situation);
    if (!ruleset) {
        fmt::print("{}\n",
                   options.format == "json"
                       ? R"({"nftables": []})"
                       : fmt::format("# {}: no table, nothing is blocked", word(situation.state)));
        return kDone;
    }
    const std::vector<std::string> devices = devices_in(world.state.links);
    fmt::print("{}", options.format == "json" ? render_json(*ruleset, devices, since_boot())
                                              : render_text(*ruleset, devices, since_boot()));
    return kDone;
}

}  // namespace ks::cli
