// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks::drills {

Adapted adapt(Policy policy) {
    Adapted adapted;
    if (policy.mode == Mode::off) {
        policy.mode = Mode::always;
        adapted.notes.emplace_back("mode is off in the config; played as if it were always");
    }
    for (Tunnel& tunnel : policy.tunnels) {
        if (!tunnel.kind.empty() && tunnel.kind != "tun") {
            adapted.notes.push_back(fmt::format("{}: a tun device plays the {} device {}",
                                                tunnel.name, tunnel.kind, tunnel.interface));
            tunnel.kind.clear();
        }
        if (tunnel.only.cgroup) {
            adapted.notes.push_back(fmt::format("{}: played without its cgroup", tunnel.name));
            tunnel.only.cgroup.reset();
        }
        if (tunnel.interface.ends_with('*')) {
            tunnel.interface.back() = '0';
            adapted.notes.push_back(fmt::format("{}: played as {}", tunnel.name, tunnel.interface));
        }
    }
    policy.control = {};
    adapted.policy = std::move(policy);
    return adapted;
}

namespace {

std::string only_yaml(const Only& only) {
    std::string text;
    if (only.fwmark) {
        text += fmt::format("      fwmark: 0x{:x}/0x{:x}\n", only.fwmark->value, only.fwmark->mask);
    }
    if (only.user) {
        text += fmt::format("      user: {}\n", *only.user);
    }
    if (only.group) {
        text += fmt::format("      group: {}\n", *only.group);
    }
    if (only.cgroup) {
        text += fmt::format("      cgroup: \"{}\"\n", *only.cgroup);
    }
    return text.empty() ? text : "    only:\n" + text;
}

std::string tunnel_yaml(const Tunnel& tunnel) {
    std::string text =
        fmt::format("  - name: \"{}\"\n    interface: \"{}\"\n", tunnel.name, tunnel.interface);
    if (!tunnel.kind.empty()) {
        text += fmt::format("    kind: {}\n", tunnel.kind);
    }
    if (!tunnel.endpoints.empty()) {
        text += "    endpoints:\n";
    }
    for (const Endpoint& endpoint : tunnel.endpoints) {
        text += fmt::format("      - \"{}\"\n", endpoint.str());
    }
    return text + only_yaml(tunnel.only);
}

}  // namespace

std::string to_yaml(const Policy& policy) {
    std::string text =
        fmt::format("version: 1\nmode: {}\nboot: {}\nipv6: {}\nownership: {}\n", word(policy.mode),
                    policy.boot == BootLock::lock ? "lock" : "open",
                    policy.ipv6 == Ipv6::block ? "block" : "tunnel",
                    policy.ownership == Ownership::automatic ? "auto" : "off");
    if (policy.dns_servers) {
        std::vector<std::string> servers;
        for (const IpAddress& server : *policy.dns_servers) {
            servers.push_back(fmt::format("\"{}\"", server.str()));
        }
        text += fmt::format("dns: {{ servers: [{}] }}\n", fmt::join(servers, ", "));
    }
    text += "tunnels:\n";
    for (const Tunnel& tunnel : policy.tunnels) {
        text += tunnel_yaml(tunnel);
    }
    return text;
}

}  // namespace ks::drills
