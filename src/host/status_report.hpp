// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "answers.hpp"
#include "killswitchd/automatic.hpp"
#include "killswitchd/judge.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/step.hpp"
#include "observe.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// Where the policy in use came from.
struct ConfigInfo {
    std::vector<std::string> files;
    std::string hash;
    std::string loaded;    ///< RFC 3339, UTC.
    bool changed = false;  ///< The files on the disk are others by now.
};

/// One tunnel of the config as it is now.
struct TunnelReport {
    struct KnownEndpoint {
        std::string endpoint;
        std::string source;
        std::string learned{};  ///< RFC 3339, UTC; empty for those of the config.
    };
    std::string name;
    std::string interface;
    std::string kind;
    bool up = false;
    bool refused = false;  ///< An interface of its name is up, but not trusted.
    std::string problem;   ///< Why it is not up, as a clause; empty when it is.
    std::vector<KnownEndpoint> endpoints;
    std::optional<Answers> answers{};  ///< Absent: not up, or nobody can be asked.
    std::string via{};  ///< The tunnel that it goes through; empty where none is around it.
};

/// An endpoint that somebody holds.
struct LeaseReport {
    std::string endpoint;
    std::string source;  ///< "lease: pid 812 (openvpn-client@home.service)".
    std::string learned;
    std::string only;  ///< See lease_text().
};

/// Everything that `status` says. Text that other programs chose is as they chose it.
struct StatusReport {
    Judgement judgement;
    std::string since;  ///< When the service first saw it so, RFC 3339, UTC; empty: not known.
    bool armed = false;
    std::string mode;
    std::string scope{};  ///< "all" or "apps".
    bool service_running = false;
    std::string last_error;
    std::optional<std::int64_t> confirm_within;  ///< Seconds until an armed machine opens again.
    std::optional<std::int64_t> paused_for;      ///< Seconds until a pause ends.
    std::map<std::uint32_t, std::int64_t> user_pauses{};  ///< The same of pauses for one user each.
    std::string ipv6;
    std::vector<TunnelReport> tunnels;
    std::vector<LeaseReport> leases;
    std::vector<std::string> holes;
    std::vector<std::string> notices{};  ///< What is no hole, but good to know; one clause each.
    std::map<std::string, CounterValue> counters;
    std::string ownership;  ///< "owned", "orphan" or "none".
    std::string raw;        ///< "blocked", "partly", "allowed" or "unsupported".
    /// The devices of which the kernel was seen to hold the rules of `raw: block`, and those of
    /// which it was not; "*" stands for every device there is or will be.
    std::vector<std::string> raw_blocked;
    std::vector<std::string> raw_open;
    bool persistent = false;
    bool fallback = false;
    bool boot_lock = false;
    bool boot_disabled = false;  ///< killswitchd=off: the service cannot be started in this boot.
    ConfigInfo config;
};

/// Puts the report together, but for `since`. Pure but for the clock and the existence of the boot
/// unit.
[[nodiscard]] StatusReport make_report(const State& state, const Observed& observed,
                                       const KernelView& view, ConfigInfo config,
                                       const AnswerWatch::All& answers = {});

}  // namespace ks
