// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/tunnels.hpp"

#include "killswitchd/net.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// The usual ones first: messages list them.
constexpr std::array<std::string_view, 14> kTunnelKinds{
    "wireguard", "tun",  "ovpn", "ovpn-dco", "xfrm",   "ppp", "amneziawg",
    "vti",       "vti6", "ipip", "sit",      "ip6tnl", "gre", "ip6gre"};

bool is_hardware(int index, const Link& link) {
    return link.kind.empty() && index != kLoopbackIndex;
}

bool bears_name_of(const Tunnel& tunnel, const Link& link) {
    return !tunnel.ipsec && interface_matches(tunnel.interface, link.name, link.group);
}

/// Why the interface is not trusted as `tunnel`, to be said of it; empty when it is.
std::string fault(const Tunnel& tunnel, int index, const Link& link) {
    if (!nameable(link.name)) {
        return "has a name that no rule can carry";
    }
    if (is_hardware(index, link)) {
        return "is hardware, not a tunnel";
    }
    if (!tunnel.kind.empty() && tunnel.kind != link.kind) {
        return fmt::format("is a {} device, the config wants {}", link.kind, tunnel.kind);
    }
    if (!wraps_packets(link)) {
        return fmt::format("is a {} device, which wraps no packets", link.kind);
    }
    const bool by_group = group_in(tunnel.interface).has_value();
    const bool by_pattern = by_group || tunnel.interface.ends_with('*');
    if (by_pattern && link.default_route && link.kind == "ppp") {
        return fmt::format("{} {}, but is the way to the internet",
                           by_group ? "is in" : "matches the pattern", tunnel.interface);
    }
    return {};
}

std::string absence_of(const Tunnel& tunnel) {
    if (const auto group = group_in(tunnel.interface)) {
        return fmt::format("no interface is in group {}", *group);
    }
    return tunnel.interface.ends_with('*')
               ? fmt::format("no interface is named {}", tunnel.interface)
               : fmt::format("{} does not exist", tunnel.interface);
}

/// The group by which a link is trusted; absent where a tunnel that names the link trusts it too.
std::optional<std::uint32_t> trusted_by_group(const Policy& policy, int index, const Link& link) {
    std::optional<std::uint32_t> found;
    for (const Tunnel& tunnel : policy.tunnels) {
        if (bears_name_of(tunnel, link) && fault(tunnel, index, link).empty()) {
            found = group_in(tunnel.interface);
            if (!found) {
                return std::nullopt;
            }
        }
    }
    return found;
}

}  // namespace

std::span<const std::string_view> tunnel_kinds() noexcept {
    return kTunnelKinds;
}

bool wraps_packets(const Link& link) {
    return std::ranges::find(kTunnelKinds, link.kind) != kTunnelKinds.end();
}

bool bears_tunnel_name(const Policy& policy, const Link& link) {
    return std::ranges::any_of(policy.tunnels,
                               [&](const Tunnel& tunnel) { return bears_name_of(tunnel, link); });
}

std::string distrust(const Policy& policy, int index, const Link& link) {
    std::string reason;
    for (const Tunnel& tunnel : policy.tunnels) {
        if (bears_name_of(tunnel, link)) {
            reason = fault(tunnel, index, link);
            if (reason.empty()) {
                return {};
            }
        }
    }
    const std::string name = nameable(link.name) ? link.name : fmt::format("interface {}", index);
    return reason.empty() ? reason : fmt::format("{} {}", name, reason);
}

TunnelUse use_of(const Tunnel& tunnel, const std::optional<LinkTable>& links) {
    if (!links) {
        return {false, false, "the links cannot be read, so it counts as down"};
    }
    TunnelUse use{false, false, absence_of(tunnel)};
    for (const auto& [index, link] : *links) {
        if (!bears_name_of(tunnel, link)) {
            continue;
        }
        const std::string wrong = fault(tunnel, index, link);
        if (link.up && wrong.empty()) {
            return {true, false, {}};
        }
        if (link.up) {
            use = {false, true, fmt::format("{} is up but not used: it {}", link.name, wrong)};
        } else if (!use.refused) {
            use.problem = fmt::format("{} is there, but not up", link.name);
        }
    }
    return use;
}

std::vector<LiveTunnel> live_tunnels(const Policy& policy, const LinkTable& links) {
    std::vector<LiveTunnel> live;
    for (const auto& [index, link] : links) {
        if (link.up && bears_tunnel_name(policy, link) && distrust(policy, index, link).empty()) {
            live.push_back({link.name, link.kind, trusted_by_group(policy, index, link)});
        }
    }
    std::ranges::sort(live);
    return live;
}

const Tunnel* tunnel_of(const Policy& policy, const LiveTunnel& live) {
    const Tunnel* found = nullptr;
    for (const Tunnel& tunnel : policy.tunnels) {
        const bool kind_fits = tunnel.kind.empty() || live.kind.empty() || tunnel.kind == live.kind;
        const auto group = group_in(tunnel.interface);
        const bool fits =
            group ? group == live.group : interface_matches(tunnel.interface, live.interface);
        if (tunnel.ipsec || !kind_fits || !fits) {
            continue;
        }
        if (tunnel.interface == live.interface) {
            return &tunnel;
        }
        found = found == nullptr ? &tunnel : found;
    }
    return found;
}

bool uses_ipsec(const Policy& policy) noexcept {
    return std::ranges::any_of(policy.tunnels, &Tunnel::ipsec);
}

std::vector<std::string> live_ipsec(const Policy& policy, const KnownEndpoints& endpoints,
                                    const IpsecGateways& gateways) {
    std::vector<std::string> names;
    for (const Tunnel& tunnel : policy.tunnels) {
        const bool up = std::ranges::any_of(
            endpoints_of(endpoints, tunnel.name), [&](const KnownEndpoint& known) {
                return std::ranges::binary_search(gateways, known.endpoint.address);
            });
        if (tunnel.ipsec && up) {
            names.push_back(tunnel.name);
        }
    }
    std::ranges::sort(names);
    return names;
}

std::vector<std::string> refused_tunnels(const Policy& policy, const LinkTable& links) {
    std::vector<std::string> reasons;
    for (const auto& [index, link] : links) {
        if (std::string reason = distrust(policy, index, link); !reason.empty()) {
            reasons.push_back(std::move(reason));
        }
    }
    return reasons;
}

}  // namespace ks
