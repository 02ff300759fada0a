// SPDX-License-Identifier: GPL-2.0-or-later
#include "status_report.hpp"

#include "../host/engine.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/difference.hpp"
#include "killswitchd/differences.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

namespace ks {

namespace {

using nlohmann::json;

struct Verdictline {
    std::string summary;  ///< The first word of `status`.
    std::string state;
    std::string reason;
    bool verified = false;
};

bool armed(const State& state) {
    return state.intents.panic || (state.policy.mode != Mode::off && !state.intents.disarmed);
}

std::string upper(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return out;
}

std::string why(const Situation& situation) {
    switch (situation.state) {
    case StateName::disarmed:
        return "nothing is blocked";
    case StateName::locked:
        return "no tunnel is up, nothing else leaves";
    case StateName::protected_:
        return fmt::format("traffic leaves only through {}", fmt::join(ways_out(situation), ", "));
    case StateName::panic:
        return "nothing leaves until `killswitchd unlock`";
    }
    return {};
}

/// Which state the kernel's rules are those of, when they are not the wanted ones.
std::string recognise(const State& state, const ObservedTables& live) {
    for (const StateName candidate : {StateName::locked, StateName::panic}) {
        const Situation situation{candidate, {}, state.cgroups, state.situation.around};
        if (differences(compile(state.policy, situation), live).empty()) {
            return std::string(word(candidate));
        }
    }
    if (differences(builtin_lock(), live).empty()) {
        return std::string(word(StateName::locked));
    }
    return std::string(word(state.situation.state));
}

Verdictline judge(const StatusInput& input) {
    const State& state = input.state;
    const bool is_armed = armed(state);
    if (!input.live) {
        return {"UNKNOWN", "unknown",
                fmt::format("the kernel's rules cannot be read: {}", input.live.error().message()),
                false};
    }
    const ObservedTables& live = *input.live;
    if (!drops_by_default(live) && input.hold == StatusInput::Hold::stands) {
        return {"DEGRADED", std::string(word(StateName::locked)),
                "only the hold table is in the kernel; `systemctl start killswitchd` completes it, "
                "`killswitchd disarm` opens",
                false};
    }
    if (!drops_by_default(live)) {
        const bool as_wanted = !is_armed && live.empty();
        return {"OPEN", std::string(word(StateName::disarmed)),
                !is_armed && state.policy.mode == Mode::off ? "mode is off in the config"
                : !is_armed                                 ? "disarmed, nothing is blocked"
                            : "armed, but the kernel holds no rules: nothing is blocked",
                as_wanted};
    }
    if (!is_armed) {
        return {"DEGRADED", recognise(state, live), "disarmed, but a table is still in the kernel",
                false};
    }
    const auto wrong = differences(state.wanted, live);
    if (!wrong.empty()) {
        return {"DEGRADED", recognise(state, live),
                fmt::format(
                    "the rules in the kernel are not those of the config: {}{}", describe(wrong[0]),
                    wrong.size() > 1 ? fmt::format(" (and {} more)", wrong.size() - 1) : ""),
                false};
    }
    const std::string name(word(state.situation.state));
    if (input.service == StatusInput::Service::stopped) {
        return {
            "DEGRADED", name,
            fmt::format("the service is not running; the rules stand: {}", why(state.situation)),
            true};
    }
    return {upper(name), name, why(state.situation), true};
}

json tunnels(const State& state) {
    json all = json::array();
    for (const Tunnel& tunnel : state.policy.tunnels) {
        json one{{"name", tunnel.name}, {"interface", tunnel.interface}, {"kind", tunnel.kind}};
        if (tunnel.ipsec) {
            one["kind"] = "ipsec";
        }
        one["up"] = std::ranges::any_of(
            tunnel.ipsec ? state.situation.ipsec_up : state.situation.tunnels_up,
            [&](const std::string& up) {
                return tunnel.ipsec ? up == tunnel.name : interface_matches(tunnel.interface, up);
            });
        if (state.links && !tunnel.ipsec) {
            for (const auto& [index, link] : *state.links) {
                if (interface_matches(tunnel.interface, link.name)) {
                    one["kind"] = link.kind;
                }
            }
        }
        one["endpoints"] = json::array();
        for (const Endpoint& endpoint : tunnel.endpoints) {
            one["endpoints"].push_back({{"endpoint", endpoint.str()}, {"source", "config"}});
        }
        all.push_back(std::move(one));
    }
    return all;
}

json counters(const ObservedTables& live) {
    json all = json::object();
    for (const auto& [family, table] : live) {
        for (const auto& [name, value] : table.counters) {
            all[name] = {{"packets", value.packets}, {"bytes", value.bytes}};
        }
    }
    return all;
}

/// Of packet sockets and bridged guests, as the kernel has it now.
std::string raw(const State& state, const ObservedTables& live) {
    if (live.contains(TableFamily::netdev)) {
        return "blocked";
    }
    if (state.raw_support == RawSupport::kernel_cannot) {
        return "unsupported";
    }
    const bool nothing_to_block =
        live.contains(TableFamily::inet) && state.policy.raw == Raw::block &&
        state.policy.scope == Scope::all && state.situation.around.uplinks.empty();
    return nothing_to_block ? "blocked" : "allowed";
}

std::string ownership(const ObservedTables& live) {
    const ObservedTable* const table = find_table(live, TableFamily::inet);
    if (table == nullptr) {
        return "none";
    }
    switch (table->owner) {
    case TableOwner::us:
    case TableOwner::somebody:
        return "owned";
    case TableOwner::orphan:
        return "orphan";
    case TableOwner::none:
        return "none";
    }
    return "none";
}

/// Whether the boot stage will run: systemd's link, or OpenRC's.
bool boot_stage_enabled() {
    constexpr std::array kLinks{
        "/etc/systemd/system/sysinit.target.wants/killswitchd-boot.service",
        "/etc/runlevels/boot/killswitchd-boot",
    };
    return std::ranges::any_of(kLinks, [](const char* link) { return ::access(link, F_OK) == 0; });
}

bool boot_lock(const State& state) {
    return armed(state) && state.policy.boot == BootLock::lock && boot_stage_enabled();
}

}  // namespace

StatusInput::Hold hold_of(Nftables& nftables) {
    const auto holds = nftables.holds();
    return holds && *holds ? StatusInput::Hold::stands : StatusInput::Hold::absent;
}

json status_report(const StatusInput& input) {
    const State& state = input.state;
    const Verdictline line = judge(input);
    const ObservedTables live = input.live ? *input.live : ObservedTables{};
    const ObservedTable* const first = find_table(live, TableFamily::inet);
    return {
        {"schema", kReportSchema},
        {"summary", line.summary},
        {"reason", line.reason},
        {"state", line.state},
        {"armed", armed(state)},
        {"mode", word(state.policy.mode)},
        {"verified", line.verified},
        {"service", input.service == StatusInput::Service::running ? "running" : "stopped"},
        {"last_error", state.last_error},
        {"ipv6", state.policy.ipv6 == Ipv6::block ? "block" : "tunnel"},
        {"tunnels", tunnels(state)},
        {"holes", holes(state.policy)},
        {"counters", counters(live)},
        {"ownership", ownership(live)},
        {"raw", raw(state, live)},
        {"persistent", first != nullptr && first->persist},
        {"hold", input.hold == StatusInput::Hold::stands},
        {"boot_lock", boot_lock(state)},
        {"config",
         {{"files", input.config.files},
          {"hash", input.config.hash},
          {"loaded", input.config.loaded}}},
    };
}

int status_exit_code(const json& report) {
    constexpr int kVerified = 0, kDegraded = 1, kOpen = 3, kCannotTell = 4;
    const std::string summary = report.value("summary", "UNKNOWN");
    if (summary == "DEGRADED") {
        return kDegraded;
    }
    if (summary == "OPEN" || summary == "PAUSED") {
        return kOpen;
    }
    return summary == "UNKNOWN" ? kCannotTell : kVerified;
}

}  // namespace ks
