// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/state.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// A ruleset being written. Each function below appends to its chains; compile() calls them in the
/// order in which a packet is to meet the rules.
struct Draft {
    Draft(const Policy& the_policy, const Situation& the_situation)
        : policy(the_policy), situation(the_situation) {}

    const Policy& policy;
    const Situation& situation;
    Chain output{"output", Hook::output, {}};
    Chain input{"input", Hook::input, {}};
    Chain forward{"forward", Hook::forward, {}};
    std::vector<Chain> others;
    std::vector<Set> sets;
};

/// Proves that a packet of neighbour discovery comes from this link. Source: RFC 4861,
/// section 11.2.
inline constexpr std::uint8_t kNeighbourHopLimit = 255;

[[nodiscard]] Rule accept(std::vector<Match> matches, std::string comment);
/// A jump to the chain that answers the sender, counted under `reason`.
[[nodiscard]] Rule refuse(std::vector<Match> matches, const char* reason);
/// Plain DNS and DNS over TLS, by either transport: one list of matches each.
[[nodiscard]] std::vector<std::vector<Match>> dns_packets();
/// user, group and cgroup as matches; nothing when the cgroup does not exist (yet).
[[nodiscard]] std::optional<std::vector<Match>> senders(const Draft& draft,
                                                        std::optional<std::uint32_t> user,
                                                        std::optional<std::uint32_t> group,
                                                        const std::optional<std::string>& cgroup);

/// Reasons for refusals, as counters name them.
namespace reason {
inline constexpr const char* kIpv6 = "ipv6";
inline constexpr const char* kDns = "dns";
inline constexpr const char* kLan = "lan";
inline constexpr const char* kEndpointGuard = "endpoint-guard";
inline constexpr const char* kGuest = "guest";
inline constexpr const char* kUplink = "uplink";
inline constexpr const char* kSpoof = "spoof";
inline constexpr const char* kInbound = "inbound";
inline constexpr const char* kRaw = "raw";  ///< Of the table `netdev killswitchd`.
}  // namespace reason

// tunnel_rules.cpp
void add_tunnels(Draft& draft);
/// Packets to a tunnel's own address that did not come through it, and ARP for it.
void add_spoof_guard(Draft& draft);

// endpoint_rules.cpp
void add_endpoints(Draft& draft);
/// ICMP errors about the tunnel's outer packets: a path that takes only smaller ones.
void add_path_mtu(Draft& draft);
/// Packets to an endpoint that are not the tunnel's.
void add_endpoint_guard(Draft& draft);

// link_rules.cpp
void add_loopback(Draft& draft);
void add_dhcp(Draft& draft);
void add_neighbour_discovery(Draft& draft);

// local_rules.cpp
void add_guests(Draft& draft);
void add_lan(Draft& draft);

// exception_rules.cpp
enum class Ports : std::uint8_t { named, any };
/// The exceptions that name ports, or those that do not: the former may open DNS, the latter not.
void add_exceptions(Draft& draft, Ports which);

// raw_rules.cpp
/// The same once more at every uplink, for what does not pass `output`. Needs that chain complete.
void add_raw_guard(Draft& draft);

// refusals.cpp
void refuse_dns(Draft& draft);
/// Everything that no rule before took, under the reason why; and the chain that answers.
void add_refusals(Draft& draft);
[[nodiscard]] std::vector<std::string> all_reasons();

}  // namespace ks
