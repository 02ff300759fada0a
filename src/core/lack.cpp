// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lack.hpp"

#include "killswitchd/endpoints.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace ks {

namespace {

bool is_file_of(const Tunnel& tunnel, std::string_view suffix, std::string_view folder) {
    return std::ranges::any_of(tunnel.imports, [&](const std::string& path) {
        return path.ends_with(suffix) || path.find(folder) != std::string::npos;
    });
}

std::string file_of(const Tunnel& tunnel, const char* otherwise) {
    return tunnel.imports.empty() ? std::string(otherwise) : tunnel.imports.front();
}

/// Each program has its own word for it.
std::string mark_fix(const Tunnel& tunnel, std::uint32_t mark) {
    if (tunnel.kind == "wireguard" || is_file_of(tunnel, ".wg", "/wireguard/")) {
        return fmt::format("add `FwMark = 0x{:x}` to {}", mark,
                           file_of(tunnel, "[Interface] of WireGuard's file"));
    }
    if (tunnel.kind == "tun" || is_file_of(tunnel, ".ovpn", "/openvpn/")) {
        return fmt::format("add `mark {}` to {}", mark, file_of(tunnel, "OpenVPN's file"));
    }
    return fmt::format("have the VPN set it (WireGuard: FwMark = 0x{:x}; OpenVPN: mark {})", mark,
                       mark);
}

/// The first selector of `only` that the sender does not match. A log knows no cgroups, so that
/// one is what is left.
std::optional<Lack> unmatched(const Tunnel& tunnel, const PacketView& packet) {
    const Only& only = tunnel.only;
    const auto asked = [&](const std::string& what) {
        return fmt::format("{}, which `only` of tunnel {} asks for", what, tunnel.name);
    };
    if (only.fwmark && (packet.mark & only.fwmark->mask) != only.fwmark->value) {
        return Lack{asked(fmt::format("no mark 0x{:x}", only.fwmark->value)),
                    mark_fix(tunnel, only.fwmark->value)};
    }
    if (only.user && packet.uid != only.user) {
        return Lack{asked(fmt::format("it is not of uid {}", *only.user)),
                    "run the VPN as that user, or change only.user"};
    }
    if (only.group && packet.gid != only.group) {
        return Lack{asked(fmt::format("it is not of gid {}", *only.group)),
                    "run the VPN in that group, or change only.group"};
    }
    if (only.cgroup) {
        return Lack{asked(fmt::format("it is not from cgroup {}", *only.cgroup)),
                    "run the VPN there, or change only.cgroup"};
    }
    return std::nullopt;
}

}  // namespace

std::optional<Lack> lack_of(const State& state, const PacketView& packet) {
    const Endpoint to{packet.destination, packet.protocol, packet.destination_port};
    for (const Tunnel& tunnel : state.policy.tunnels) {
        const auto& known = endpoints_of(state.situation.endpoints, tunnel.name);
        if (std::ranges::find(known, to, &KnownEndpoint::endpoint) == known.end()) {
            continue;
        }
        if (auto lack = unmatched(tunnel, packet)) {
            return lack;
        }
    }
    return std::nullopt;
}

}  // namespace ks
