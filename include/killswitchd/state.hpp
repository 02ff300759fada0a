// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ks {

enum class StateName : std::uint8_t { disarmed, locked, protected_, panic };
[[nodiscard]] std::string_view word(StateName state) noexcept;  ///< "disarmed", "locked", ...
[[nodiscard]] std::optional<StateName> state_from(std::string_view word) noexcept;

/// What the administrator asked for, kept in the state directory across reboots.
struct Intents {
    bool disarmed = false;
    bool panic = false;
    /// `mode: on-drop`: a tunnel has come up, or `arm` was said, since boot and the last disarm.
    bool engaged = false;
    friend bool operator==(const Intents&, const Intents&) = default;
};

/// cgroup path -> id, for the paths that exist right now.
using CgroupIds = std::map<std::string, std::uint64_t>;

/// An interface and a network that is reached directly by it.
struct LinkNetwork {
    std::string interface;
    Prefix network;
    friend auto operator<=>(const LinkNetwork&, const LinkNetwork&) = default;
};

/// A device by which frames leave the host.
struct Uplink {
    std::string name;
    int index = 0;
    std::vector<std::string> above;  ///< The devices whose packets leave by it: bridge, bond, VLAN.
    friend auto operator<=>(const Uplink&, const Uplink&) = default;
};

/// What the interfaces of the host are to the rules, besides the tunnels. Everything sorted.
struct Surroundings {
    std::vector<IpAddress> tunnel_addresses;  ///< Own addresses on interfaces named as tunnels.
    std::vector<LinkNetwork> guests;          ///< Proven guests, with the networks behind them.
    std::vector<LinkNetwork> lan;             ///< Local networks that the policy allows.
    /// Every device that may lead outside; without those that carry a tunnel's or a guest's frames.
    std::vector<Uplink> uplinks;
    /// IPv6 networks and routers on the links that are neither tunnel nor guest.
    std::vector<LinkNetwork> neighbours;
    friend bool operator==(const Surroundings&, const Surroundings&) = default;
};

/// Reads the surroundings off the links.
///
/// A new interface is an uplink until it is proven a guest: a bridge with an address whose ports
/// are all veth or tap devices, or a veth with an address, that holds no default route while
/// another interface does; or one that the policy names and that holds none. Where a veth holds the
/// default route (in a container), no veth counts as proven.
[[nodiscard]] Surroundings surroundings(const Policy& policy, const LinkTable& links);

/// Interfaces that bear a tunnel's name but are not trusted, one sentence each: hardware; a
/// pattern's match that is the way to the internet; another kind than the policy says.
[[nodiscard]] std::vector<std::string> refused_tunnels(const Policy& policy,
                                                       const LinkTable& links);

/// Where the kernel's IPsec policies send packets to: the far ends of tunnels that encrypt, sorted.
using IpsecGateways = std::vector<IpAddress>;

/// Everything the rules are made from besides the policy.
struct Situation {
    StateName state = StateName::locked;
    std::vector<std::string> tunnels_up;  ///< Interface names, sorted; empty unless protected.
    CgroupIds cgroups;
    Surroundings around;
    std::vector<std::string> ipsec_up{};  ///< Names of tunnels by policy, like `tunnels_up`.
    friend bool operator==(const Situation&, const Situation&) = default;
};

/// Interfaces that are a tunnel of `policy`, trusted (see refused_tunnels) and IFF_UP. Sorted.
[[nodiscard]] std::vector<std::string> live_tunnels(const Policy& policy, const LinkTable& links);

/// Tunnels by IPsec policy of which the kernel holds one to an address of their endpoints: their
/// names, sorted.
[[nodiscard]] std::vector<std::string> live_ipsec(const Policy& policy,
                                                  const IpsecGateways& gateways);
/// Whether `policy` has a tunnel by IPsec policy.
[[nodiscard]] bool uses_ipsec(const Policy& policy) noexcept;
/// The names of everything that traffic may leave through in `situation`.
[[nodiscard]] std::vector<std::string> ways_out(const Situation& situation);

/// The state that config, links and intents call for. Without `links` (unknown) nothing is up.
[[nodiscard]] Situation decide(const Policy& policy, const std::optional<LinkTable>& links,
                               const Intents& intents, CgroupIds cgroups,
                               const IpsecGateways& ipsec = {});

/// Whether the kernel can look at what a device is about to send (netdev egress, Linux 5.16).
enum class RawSupport : std::uint8_t { kernel_can, kernel_cannot };

/// The rules of a situation; none when it is disarmed.
///
/// An endpoint whose `only.cgroup` is not in `situation.cgroups` gets no rule: closed until the
/// cgroup exists.
[[nodiscard]] std::optional<Ruleset> compile(const Policy& policy, const Situation& situation);

/// The lock for a machine whose config cannot be read: loopback and DHCP, nothing else.
[[nodiscard]] Ruleset builtin_lock();

// --- Events, effects and the transition function -------------------------------------------------

struct LinksChanged {
    LinkTable links;
};
struct LinksUnknown {
    Error why;
};
struct IpsecChanged {
    IpsecGateways gateways;
};
struct IpsecUnknown {
    Error why;
};
struct PolicyLoaded {
    Policy policy;
};
struct IntentsChanged {
    Intents intents;
};
struct CgroupsChanged {
    CgroupIds cgroups;
};
/// The kernel acknowledged the commit and the rules read back are those that were wanted.
struct CommitSucceeded {
    std::optional<Ruleset> ruleset;
    std::optional<Error> raw_problem{};  ///< See Nftables::raw_problem().
};
struct CommitFailed {
    Error why;
};
/// Somebody else changed the table: what is there is not what we put there.
struct TableTouched {
    std::string by;
};
struct RetryDue {};
using Event = std::variant<LinksChanged, LinksUnknown, IpsecChanged, IpsecUnknown, PolicyLoaded,
                           IntentsChanged, CgroupsChanged, CommitSucceeded, CommitFailed,
                           TableTouched, RetryDue>;

/// Make the kernel hold exactly this; no ruleset: remove the table.
struct Commit {
    std::optional<Ruleset> ruleset;
};
struct RetryAfter {
    std::chrono::milliseconds delay;
};
/// Tell people. `key` is one of the stable event keys of killswitchd(8).
struct Announce {
    std::string key;
    std::string text;
};
using Effect = std::variant<Commit, RetryAfter, Announce>;

struct State {
    Policy policy;
    std::optional<LinkTable> links;  ///< Absent: unknown, and so no tunnel is up.
    IpsecGateways ipsec;             ///< None also while it is unknown.
    Intents intents;
    CgroupIds cgroups;
    RawSupport raw_support = RawSupport::kernel_can;
    std::vector<std::string> refused;  ///< refused_tunnels() that people were told of.
    std::string announced;             ///< The state that people were told of last, in words.
    Situation situation;               ///< What is wanted now.
    std::optional<Ruleset> wanted;     ///< compile(policy, situation).
    bool in_force = false;             ///< `wanted` was committed and verified.
    unsigned failed_commits = 0;       ///< In a row.
    std::string last_error;            ///< Of the last failed commit; empty when in force.
    std::string raw_error;  ///< Why the rules at the devices do not hold; empty when they do.
};

/// The situation that `state` calls for, as far as this kernel can be told.
[[nodiscard]] Situation decide(const State& state);

struct Step {
    State next;
    std::vector<Effect> effects;
};

/// The whole state machine. Pure: no clock, no system call.
///
/// Invariants: an uncertain world never widens the rules; only an intent or `mode: off` removes the
/// table; a failed commit is retried for ever, 100 ms to 10 s apart.
[[nodiscard]] Step step(State state, const Event& event);

}  // namespace ks
