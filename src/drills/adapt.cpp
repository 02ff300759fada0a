// SPDX-License-Identifier: GPL-2.0-or-later
#include "adapt.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::drills {

namespace {

void adapt(Tunnel& tunnel, std::size_t number, std::vector<std::string>& notes) {
    if (tunnel.ipsec) {
        tunnel.ipsec = false;
        tunnel.interface = fmt::format("ipsec-lab{}", number);
        notes.push_back(fmt::format("{}: a tun device plays the IPsec policy", tunnel.name));
    }
    if (!tunnel.kind.empty() && tunnel.kind != "tun") {
        notes.push_back(fmt::format("{}: a tun device plays the {} device {}", tunnel.name,
                                    tunnel.kind, tunnel.interface));
        tunnel.kind.clear();
    }
    if (tunnel.only.cgroup) {
        notes.push_back(fmt::format("{}: played without its cgroup", tunnel.name));
        tunnel.only.cgroup.reset();
    }
    if (tunnel.interface.ends_with('*')) {
        tunnel.interface.back() = '0';
        notes.push_back(fmt::format("{}: played as {}", tunnel.name, tunnel.interface));
    }
}

/// The lab has uplinks and a guest of its own, under names of its own.
void adapt_places(Policy& policy, std::vector<std::string>& notes) {
    if (!policy.lan.interfaces.empty()) {
        policy.lan.interfaces.clear();
        notes.emplace_back("lan.interfaces: played as the local networks of every interface");
    }
    if (!policy.guests.automatic) {
        policy.guests.interfaces = {"br0"};
        notes.emplace_back("guests.interfaces: the lab's bridge br0 plays them");
    }
}

}  // namespace

Adapted adapt(Policy policy) {
    Adapted adapted;
    if (policy.mode != Mode::always) {
        adapted.notes.push_back(fmt::format("mode is {} in the config; played as if it were always",
                                            word(policy.mode)));
        policy.mode = Mode::always;
    }
    policy.boot = BootLock::lock;
    for (std::size_t i = 0; i < policy.tunnels.size(); ++i) {
        adapt(policy.tunnels[i], i, adapted.notes);
    }
    adapt_places(policy, adapted.notes);
    if (!policy.outbound.empty() || !policy.inbound.empty()) {
        policy.outbound.clear();
        policy.inbound.clear();
        adapted.notes.emplace_back("played without the exceptions under 'allow'");
    }
    if (policy.scope == Scope::apps) {
        policy.scope = Scope::all;
        policy.apps = {};
        adapted.notes.emplace_back("scope: played as if every program were under 'apps'");
    }
    policy.control = {};
    adapted.policy = std::move(policy);
    return adapted;
}

}  // namespace ks::drills
