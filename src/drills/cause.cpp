// SPDX-License-Identifier: GPL-2.0-or-later
#include "cause.hpp"

#include "killswitchd/lab/frame.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "tally.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace ks::drills {

namespace {

/// wg-quick's mark, and the one that the manual suggests for OpenVPN.
std::string suggested_only(const Tunnel& tunnel) {
    const bool openvpn = tunnel.kind == "tun" || tunnel.kind == "ovpn" || tunnel.kind == "ovpn-dco";
    return openvpn ? "only: { fwmark: 4660 }, and `mark 4660` in OpenVPN's own file"
                   : "only: { fwmark: 0xca6c }, the mark that wg-quick sets";
}

bool goes_to(const Endpoint& endpoint, const lab::FrameInfo& frame) {
    return endpoint.address == frame.destination && endpoint.protocol == frame.protocol &&
           endpoint.port == frame.destination_port;
}

std::string address_and_port(const IpAddress& address, std::uint16_t port) {
    if (port == 0) {
        return address.str();
    }
    return address.family == IpFamily::v6 ? fmt::format("[{}]:{}", address.str(), port)
                                          : fmt::format("{}:{}", address.str(), port);
}

}  // namespace

Cause cause_of(const Leak& leak, const Policy& policy, std::string_view drill) {
    for (std::size_t number = 0; number < policy.tunnels.size(); ++number) {
        const Tunnel& tunnel = policy.tunnels[number];
        const bool to_server = std::ranges::any_of(
            tunnel.endpoints, [&](const Endpoint& e) { return goes_to(e, leak.frame); });
        const bool by_root = tunnel.only.user.value_or(0) == 0 &&
                             tunnel.only.group.value_or(0) == 0 && !tunnel.only.fwmark &&
                             !tunnel.only.cgroup;
        if (to_server && leak.probe && tunnel.only.empty()) {
            return {fmt::format("tunnel {} has no `only`", tunnel.name),
                    fmt::format("tunnels[{}]", number), suggested_only(tunnel)};
        }
        if (to_server && leak.probe && by_root) {
            return {fmt::format("`only` of tunnel {} is root, as other programs are", tunnel.name),
                    fmt::format("tunnels[{}].only", number), suggested_only(tunnel)};
        }
    }
    if (drill == "boot" && policy.boot == BootLock::open) {
        return {"`boot: open` lets all out until the service runs", "boot", "boot: lock"};
    }
    return {"no key of the config explains it: a fault of killswitchd", "",
            "please report it, with the file that --report writes"};
}

std::string describe(const Leak& leak) {
    const lab::FrameInfo& frame = leak.frame;
    if (frame.ethertype != lab::kEtherIpv4 && frame.ethertype != lab::kEtherIpv6) {
        return lab::describe(frame);
    }
    const std::string who = leak.guest          ? " by a guest"
                            : !leak.probe       ? ""
                            : leak.sender.user  ? fmt::format(" by user {}", *leak.sender.user)
                            : leak.sender.group ? fmt::format(" by group {}", *leak.sender.group)
                                                : " by any program";
    return fmt::format("{} {} > {}{}", proto::name(frame.protocol), frame.source.str(),
                       address_and_port(frame.destination, frame.destination_port), who);
}

}  // namespace ks::drills
