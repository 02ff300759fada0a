// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/net.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ks::lab {

enum class Via : std::uint8_t { routed, uplink };  ///< uplink: SO_BINDTODEVICE to uplink 0.
enum class Aim : std::uint8_t {
    world,     ///< An internet address: routing decides, so a tunnel takes it.
    link,      ///< The router or multicast: leaves on the uplink, tunnel or not.
    endpoint,  ///< The VPN server, but not the tunnel's packet.
};
enum class Packet : std::uint8_t { tcp, udp, icmp, dns_udp, dns_tcp, raw };

/// As whom the kernel is to see a program; absent: as the caller.
struct Sender {
    std::optional<std::uint32_t> user;
    std::optional<std::uint32_t> group;
    friend bool operator==(const Sender&, const Sender&) = default;
};

struct Probe {
    std::string name;  ///< Stable: "udp4/routed", "dns-router/uplink", "endpoint-other-port".
    Packet packet = Packet::udp;
    Aim aim = Aim::world;
    Via via = Via::routed;
    IpAddress to;
    std::uint16_t port = 0;
    Sender sender{};
};

/// One probe as sent.
struct Shot {
    Probe probe;
    std::uint32_t tag = 0;
    std::uint16_t source_port = 0;  ///< TCP only; its SYN carries no tag.
    int local_errno = 0;            ///< 0 when the kernel took it: that is no evidence it left.

    [[nodiscard]] bool matches(const FrameInfo& frame) const;
};

struct Outcome {
    Shot shot;
    std::vector<FrameInfo> escaped;  ///< In clear on an uplink.
};

/// Every probe the lab knows; those at endpoints only where the lab has endpoints.
[[nodiscard]] std::vector<Probe> standard_probes(const Lab& lab);
/// Probes a guest can make: routed ones at the world and the endpoints.
[[nodiscard]] std::vector<Probe> guest_probes(const Lab& lab);
/// What of it is among `frames`, in the order of `shots`.
[[nodiscard]] std::vector<Outcome> judge(std::span<const Shot> shots,
                                         std::span<const FrameInfo> frames);

}  // namespace ks::lab
