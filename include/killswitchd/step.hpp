// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/compile.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/intents.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/time.hpp"
#include "killswitchd/tunnels.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ks {

// Events, effects and the transition function.

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
struct CgroupsChanged {
    CgroupIds cgroups;
    std::optional<Error> unwatched{};  ///< Why they are only looked at now and then.
};
struct PolicyLoaded {
    Policy policy;
    /// Endpoints from all sources, in the same commit; absent: what was known stays.
    std::optional<KnownEndpoints> learned{};
    /// As CgroupsChanged, the same: whom the policy names must be known when it goes into force.
    std::optional<CgroupsChanged> cgroups{};
    std::optional<OpenPorts> ports{};  ///< As PortsChanged, the same.
};
/// All that is known of endpoints from one source, in place of what was. What others say stays.
struct EndpointsChanged {
    EndpointSource source = EndpointSource::imported;
    KnownEndpoints learned;
};
/// The same of ports that may be opened from the VPN's side.
struct PortsChanged {
    OpenPorts ports;
};
struct IntentsChanged {
    Intents intents;
    std::string by;  ///< Who asked, for people.
};
/// A deadline may have come.
struct TimeIs {
    Instant now;
};
/// Intents reached the disk, or not: a restart would then go by those that did.
struct Remembered {
    Intents intents;
};
struct NotRemembered {
    Error why;
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
/// What the kernel holds cannot be read, so nobody knows whether it is still ours.
struct TableUnreadable {
    Error why;
};
struct RetryDue {};
using Event = std::variant<LinksChanged, LinksUnknown, IpsecChanged, IpsecUnknown, PolicyLoaded,
                           EndpointsChanged, PortsChanged, IntentsChanged, TimeIs, Remembered,
                           NotRemembered, CgroupsChanged, CommitSucceeded, CommitFailed,
                           TableTouched, TableUnreadable, RetryDue>;

/// Make the kernel hold exactly this; no ruleset: remove the table.
struct Commit {
    std::optional<Ruleset> ruleset;
};
struct RetryAfter {
    std::chrono::milliseconds delay;
};
/// Send TimeIs then; takes the place of an earlier wish. No moment: none is needed.
struct WakeAt {
    std::optional<Instant> moment;
};
/// Write this to the disk before the next effect is carried out.
struct Remember {
    Intents intents;
    std::string by;
};
/// Tell people. `key` is one of the stable event keys of killswitchd(8).
struct Announce {
    std::string key;
    std::string text;
};
using Effect = std::variant<Commit, RetryAfter, WakeAt, Remember, Announce>;

struct State {
    Policy policy;
    std::optional<LinkTable> links;  ///< Absent: unknown, and so no tunnel is up.
    IpsecGateways ipsec;             ///< None also while it is unknown.
    KnownEndpoints learned;          ///< Besides the endpoints of the config.
    OpenPorts ports;                 ///< Besides those of the config.
    Intents intents;
    std::string asked_by;         ///< Who changed the intents last.
    Intents remembered;           ///< What the disk holds.
    std::string remember_error;   ///< Why it does not hold `intents`; empty when it does.
    Instant now;                  ///< As far as it was announced.
    std::optional<Instant> wake;  ///< The moment that was last asked for.
    CgroupIds cgroups;
    std::string cgroups_error;  ///< Why they are only looked at now and then; empty: followed.
    RawSupport raw_support = RawSupport::kernel_can;
    LogSupport log_support = LogSupport::kernel_can;
    std::vector<std::string> refused;      ///< refused_tunnels() that were announced.
    std::vector<std::string> refused_lan;  ///< Surroundings::lan_refused, the same.
    std::vector<std::string> bypasses{};   ///< ways_past() that were announced.
    std::string announced;                 ///< The last state that was announced, in words.
    Situation situation;                   ///< What is wanted now.
    std::optional<Ruleset> wanted;         ///< compile(policy, situation).
    bool in_force = false;                 ///< `wanted` was committed and verified.
    unsigned failed_commits = 0;           ///< In a row.
    std::string last_error;                ///< Of the last failed commit; empty when in force.
    std::string raw_error;  ///< Why the rules at the devices do not hold; empty when they do.
};

/// The situation that `state` calls for, as far as this kernel supports it.
[[nodiscard]] Situation decide(const State& state);

struct Step {
    State next;
    std::vector<Effect> effects;
};

/// The whole state machine. Pure: no clock, no system call.
///
/// Invariants: an uncertain world never widens the rules; only an intent or `mode: off` removes the
/// table; a failed commit is retried for ever, 100 ms to 10 s apart. An intent that closes is
/// remembered before it is committed, one that opens after the kernel has it: whatever ends the
/// process in between, the next start is closed.
[[nodiscard]] Step step(State state, const Event& event);

}  // namespace ks
