// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/via.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace ks {

namespace {

bool is_up(const Policy& policy, const std::vector<LiveTunnel>& live, const Tunnel& tunnel) {
    return std::ranges::any_of(
        live, [&](const LiveTunnel& one) { return tunnel_of(policy, one) == &tunnel; });
}

/// Whether every tunnel around this one is up.
bool carried(const Policy& policy, const std::vector<LiveTunnel>& live, const Tunnel& tunnel) {
    const Tunnel* inner = &tunnel;
    for (std::size_t left = policy.tunnels.size(); left > 0 && !inner->via.empty(); --left) {
        const Tunnel* const outer = outer_of(policy, *inner);
        if (outer == nullptr || !is_up(policy, live, *outer)) {
            return false;
        }
        inner = outer;
    }
    return inner->via.empty();
}

}  // namespace

const Tunnel* outer_of(const Policy& policy, const Tunnel& tunnel) {
    const auto outer = std::ranges::find(policy.tunnels, tunnel.via, &Tunnel::name);
    return tunnel.via.empty() || outer == policy.tunnels.end() ? nullptr : &*outer;
}

bool is_carrier(const Policy& policy, const Tunnel& tunnel) {
    return std::ranges::find(policy.tunnels, tunnel.name, &Tunnel::via) != policy.tunnels.end();
}

bool goes_in_circles(const Policy& policy, const Tunnel& tunnel) {
    const Tunnel* outer = outer_of(policy, tunnel);
    for (std::size_t left = policy.tunnels.size(); left > 0 && outer != nullptr; --left) {
        if (outer == &tunnel) {
            return true;
        }
        outer = outer_of(policy, *outer);
    }
    return false;
}

TunnelsUp of_use(const Policy& policy, const std::vector<LiveTunnel>& live) {
    TunnelsUp up;
    for (const LiveTunnel& one : live) {
        const Tunnel* const tunnel = tunnel_of(policy, one);
        if (tunnel != nullptr && carried(policy, live, *tunnel)) {
            (is_carrier(policy, *tunnel) ? up.carriers : up.ways).push_back(one);
        }
    }
    return up;
}

std::vector<std::string> ways_in_words(const Policy& policy, const Situation& situation) {
    std::vector<std::string> ways = ways_out(situation);
    for (std::size_t i = 0; i < situation.tunnels_up.size(); ++i) {
        const Tunnel* inner = tunnel_of(policy, situation.tunnels_up[i]);
        for (std::size_t left = policy.tunnels.size(); left > 0 && inner != nullptr; --left) {
            inner = outer_of(policy, *inner);
            const auto carrier =
                std::ranges::find_if(situation.carriers, [&](const LiveTunnel& one) {
                    return inner != nullptr && tunnel_of(policy, one) == inner;
                });
            if (carrier != situation.carriers.end()) {
                ways[i] += " inside " + carrier->interface;
            }
        }
    }
    return ways;
}

}  // namespace ks
