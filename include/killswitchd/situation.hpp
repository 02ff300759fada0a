// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/endpoints.hpp"
#include "killswitchd/intents.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/surroundings.hpp"
#include "killswitchd/tunnels.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

enum class StateName : std::uint8_t { disarmed, locked, protected_, paused, panic };
[[nodiscard]] std::string_view word(StateName state) noexcept;  ///< "disarmed", "locked", ...
[[nodiscard]] std::optional<StateName> state_from(std::string_view word) noexcept;

/// cgroup path -> id, for the paths that exist right now.
using CgroupIds = std::map<std::string, std::uint64_t>;

/// Whether the kernel can copy packets to programs (nfnetlink_log, and nft's log and limit).
enum class LogSupport : std::uint8_t { kernel_can, kernel_cannot };

/// Whether the kernel can look at what a device is about to send (netdev egress).
enum class RawSupport : std::uint8_t {
    every_device,  ///< By one chain for whatever device there is or will be.
    kernel_can,    ///< By a chain for each device (Linux 5.16).
    kernel_cannot,
};

/// Everything the rules are made from besides the policy.
struct Situation {
    StateName state = StateName::locked;
    std::vector<LiveTunnel> tunnels_up;  ///< Sorted; empty unless protected or paused.
    CgroupIds cgroups;
    Surroundings around;
    std::vector<std::string> ipsec_up{};  ///< Names of tunnels by policy, sorted.
    KnownEndpoints endpoints{};           ///< Of every tunnel, whatever the state.
    LogSupport log = LogSupport::kernel_can;
    RawSupport raw_support = RawSupport::kernel_can;
    OpenPorts open_ports{};
    /// Tunnels that are up and carry nothing but another one's packets. Sorted.
    std::vector<LiveTunnel> carriers{};
    /// When a pause ends, since boot; present exactly when paused.
    std::optional<std::chrono::nanoseconds> open_until{};
    /// Users who may send past the tunnel, and until when, the same.
    std::map<std::uint32_t, std::chrono::nanoseconds> user_pauses{};
    friend bool operator==(const Situation&, const Situation&) = default;
};

/// The state that is there when a pause is over: the rules behind it are those of this one.
[[nodiscard]] StateName behind_pause(const Situation& situation) noexcept;

/// The names of everything that traffic may leave through in `situation`.
[[nodiscard]] std::vector<std::string> ways_out(const Situation& situation);

/// The holes of `policy` that are open in `situation`: none in a panic, and none where nothing is
/// blocked at all.
[[nodiscard]] std::vector<std::string> open_holes(const Policy& policy, const Situation& situation);

/// The holes of `policy`, and what this kernel cannot close.
[[nodiscard]] std::vector<std::string> all_holes(const Policy& policy, const Situation& situation);

/// What the state means for traffic under `policy`, in words that are true with its holes too.
[[nodiscard]] std::string meaning(const Policy& policy, const Situation& situation);

/// The state that config, links and intents call for, `intents` as they are now: see expire().
/// Without `links` (unknown) nothing is up.
/// `learned`: endpoints besides those of the config.
[[nodiscard]] Situation decide(const Policy& policy, const std::optional<LinkTable>& links,
                               const Intents& intents, CgroupIds cgroups,
                               const IpsecGateways& ipsec = {}, const KnownEndpoints& learned = {});

}  // namespace ks
