// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"

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
    Chain postrouting{"postrouting", Hook::postrouting, {}};
    std::vector<Chain> others;
    std::vector<Set> sets;
};

/// The chain that answers a refused packet; see add_refusals().
inline constexpr const char* kRefuseChain = "refuse";

/// What only the programs that `scope: apps` confines are under.
inline constexpr const char* kConfinedChain = "confined";

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
inline constexpr const char* kTunnelInbound = "tunnel-inbound";
inline constexpr const char* kVia = "via";
inline constexpr const char* kPrivate = "private";
inline constexpr const char* kRaw = "raw";  ///< Of the table `netdev killswitchd`.
}  // namespace reason

}  // namespace ks
