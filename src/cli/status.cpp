// SPDX-License-Identifier: GPL-2.0-or-later
#include "../daemon/status_report.hpp"
#include "client.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/time.hpp"
#include "offline.hpp"
#include "terminal.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace ks::cli {

namespace {

using nlohmann::json;

Tone tone_of(const std::string& summary) {
    if (summary == "OPEN" || summary == "PAUSED" || summary == "UNKNOWN") {
        return Tone::bad;
    }
    return summary == "DEGRADED" ? Tone::warning : Tone::good;
}

/// "wg0 (wireguard)"; what has no interface is named by its kind.
std::string device_text(const json& tunnel) {
    const std::string interface = tunnel.value("interface", "");
    const std::string kind = tunnel.value("kind", "");
    if (interface.empty() || kind.empty()) {
        return interface + kind;
    }
    return fmt::format("{} ({})", interface, kind);
}

std::string tunnel_text(const json& tunnel) {
    std::string text = fmt::format("  tunnel   {}: {} {}\n", tunnel.value("name", ""),
                                   device_text(tunnel), tunnel.value("up", false) ? "up" : "down");
    for (const json& endpoint : tunnel["endpoints"]) {
        text += fmt::format("             to {} ({})\n", endpoint.value("endpoint", ""),
                            endpoint.value("source", ""));
    }
    return text;
}

std::string holes_text(const json& holes) {
    if (holes.empty()) {
        return "  holes    none\n";
    }
    std::string text;
    for (const json& hole : holes) {
        text += fmt::format("  {:<8} {}\n", text.empty() ? "holes" : "", hole.get<std::string>());
    }
    return text;
}

std::string refused_text(const json& counters) {
    std::vector<std::string> parts;
    for (const auto& [reason, value] : counters.items()) {
        if (const auto packets = value.value("packets", std::uint64_t{0}); packets != 0) {
            parts.push_back(fmt::format("{} {}", reason, packets));
        }
    }
    return fmt::format("  refused  {}\n",
                       parts.empty() ? "nothing yet"
                                     : fmt::format("{} (packets)", fmt::join(parts, ", ")));
}

/// In the open the config's wishes are not in force, so they are not listed.
std::string rules_text(const json& report) {
    if (report.value("summary", "") == "OPEN") {
        return "  rules    none in force\n";
    }
    return fmt::format("{}  rules    {}, owner: {}, IPv6 {}\n", refused_text(report["counters"]),
                       report.value("verified", false) ? "verified in the kernel"
                                                       : "not as they should be",
                       report.value("ownership", ""),
                       report.value("ipv6", "") == "block" ? "blocked" : "in the tunnel only");
}

/// For who is cut off and does not know why.
std::string way_on(const json& report) {
    if (report.value("armed", false) && report.value("service", "") == "stopped") {
        return fmt::format("hint: start the service: {}; or open: sudo killswitchd disarm\n",
                           start_command());
    }
    if (report.value("summary", "") == "LOCKED") {
        return "hint: start the VPN; or open: sudo killswitchd disarm\n";
    }
    return {};
}

std::string text_of(const Options& options, const json& report) {
    const std::string summary = report.value("summary", "UNKNOWN");
    std::string text = fmt::format("{}: {}\n", paint(options, tone_of(summary), summary),
                                   report.value("reason", ""));
    for (const json& tunnel : report["tunnels"]) {
        text += tunnel_text(tunnel);
    }
    text += holes_text(report["holes"]);
    text += rules_text(report);
    text +=
        fmt::format("  service  {}, mode {}, {}\n", report.value("service", ""),
                    report.value("mode", ""), report.value("armed", false) ? "armed" : "not armed");
    if (const std::string error = report.value("last_error", ""); !error.empty()) {
        text += fmt::format("  error    {}\n", error);
    }
    const json& config = report["config"];
    for (const json& file : config["files"]) {
        text += fmt::format("  config   {}\n", file.get<std::string>());
    }
    return text + way_on(report);
}

/// The same report without the service, straight from the kernel.
json report_offline(const Options& options) {
    const World world = observe(options);
    const ConfigInfo info{world.config.files, world.config.hash, ""};
    auto nftables = Nftables::open(Ownership::off);
    Result<ObservedTables> live =
        nftables ? nftables->read() : Result<ObservedTables>(nftables.error());
    const auto hold = nftables ? hold_of(*nftables) : StatusInput::Hold::absent;
    json report = status_report({StatusInput::Service::stopped, world.state, info, live, hold});
    if (!world.config.ok() && report["summary"] != "UNKNOWN") {
        complain(world.config.diagnostics);
        if (report["summary"] == "OPEN" && !world.state.intents.disarmed) {
            report["reason"] = "the config cannot be used, and nothing is blocked";
        } else if (report["summary"] != "OPEN") {
            report["reason"] = "the config cannot be used; the rules in the kernel stand";
        }
    }
    return report;
}

Result<json> fetch(const Options& options) {
    const auto reply = ask_service(options, "org.killswitchd.GetStatus");
    if (!reply) {
        return reply.error();
    }
    if (!*reply) {
        return report_offline(options);
    }
    if (!(*reply)->error.empty()) {
        return (*reply)->error == "org.killswitchd.PermissionDenied"
                   ? Error{"the service does not allow this to you, run it as root"}
                   : Error{fmt::format("the service answered {}", (*reply)->error)};
    }
    return json::parse((*reply)->json)["status"];
}

int show(const Options& options, const json& report) {
    if (options.json) {
        fmt::print("{}\n", report.dump(options.watch ? -1 : 2));
    } else {
        fmt::print("{}", text_of(options, report));
    }
    std::fflush(stdout);
    return status_exit_code(report);
}

/// Every event's report, until the service goes away; then once more, from the kernel.
/// \param code  The exit code of what was shown before the first event.
int watch(const Options& options, int code) {
    const auto watched = watch_service(options, [&](const json& event) {
        if (!options.json) {
            fmt::print("\n{}\n", event.value("time", ""));
        }
        static_cast<void>(show(options, event["status"]));
        return true;
    });
    if (watched && !*watched) {
        complain("the service is not running, so nothing will change here");
        return code;
    }
    const auto last = fetch(options);
    return last ? show(options, *last) : kNoPermission;
}

}  // namespace

int status(const Options& options) {
    const auto report = fetch(options);
    if (!report) {
        complain(fmt::format("cannot tell: {}", report.error().message()));
        return kNoPermission;  // 4: "cannot tell" of status.
    }
    const int code = show(options, *report);
    return options.watch ? watch(options, code) : code;
}

}  // namespace ks::cli
