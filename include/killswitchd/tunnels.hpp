// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/endpoints.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// Where the kernel's IPsec policies send packets to: the far ends of tunnels that encrypt, sorted.
using IpsecGateways = std::vector<IpAddress>;

/// An interface that packets may leave by.
struct LiveTunnel {
    std::string interface;
    std::string kind;  ///< Asked of every packet's device; empty: not known.
    /// The interface group that the policy names, asked likewise; absent: it names none.
    std::optional<std::uint32_t> group{};
    friend auto operator<=>(const LiveTunnel&, const LiveTunnel&) = default;
};

/// Interfaces that are a tunnel of `policy`, trusted (see refused_tunnels) and IFF_UP. Sorted.
[[nodiscard]] std::vector<LiveTunnel> live_tunnels(const Policy& policy, const LinkTable& links);

/// The tunnel of `policy` that an interface is: the one that has its very name, else the first
/// whose pattern fits. Null when there is none.
[[nodiscard]] const Tunnel* tunnel_of(const Policy& policy, const LiveTunnel& live);

/// Tunnels by IPsec policy of which the kernel holds one to an address of their endpoints: their
/// names, sorted.
[[nodiscard]] std::vector<std::string>
live_ipsec(const Policy& policy, const KnownEndpoints& endpoints, const IpsecGateways& gateways);
/// Whether `policy` has a tunnel by IPsec policy.
[[nodiscard]] bool uses_ipsec(const Policy& policy) noexcept;

/// Interfaces that bear a tunnel's name but are not trusted, one sentence each: hardware; a
/// pattern's match that is the way to the internet; another kind than the policy says, or one that
/// wraps no packets.
[[nodiscard]] std::vector<std::string> refused_tunnels(const Policy& policy,
                                                       const LinkTable& links);

/// Whether an interface carries a tunnel's traffic.
struct TunnelUse {
    bool up = false;
    bool refused = false;  ///< An interface of its name is up, but not trusted.
    std::string problem;   ///< "wg0 does not exist", "wg0 is up but not used: it is ..."; or empty.
};
/// Of a tunnel with an interface. Without `links` nobody knows, so it is not up.
[[nodiscard]] TunnelUse use_of(const Tunnel& tunnel, const std::optional<LinkTable>& links);

/// The kinds of links that wrap packets, as rtnetlink calls them: "wireguard", "tun", ...
[[nodiscard]] std::span<const std::string_view> tunnel_kinds() noexcept;
/// Whether a link is of such a kind: never a local network.
[[nodiscard]] bool wraps_packets(const Link& link);

/// Whether some tunnel of `policy` has the name of this link.
[[nodiscard]] bool bears_tunnel_name(const Policy& policy, const Link& link);

/// Why no tunnel of `policy` trusts a link that bears a tunnel's name; empty when one does, or when
/// it bears none. `index` is the link's.
[[nodiscard]] std::string distrust(const Policy& policy, int index, const Link& link);

}  // namespace ks
