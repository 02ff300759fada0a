// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/status_report.hpp"
#include "../wire/status_json.hpp"
#include "client.hpp"
#include "fetch.hpp"
#include "killswitchd/escape.hpp"
#include "options.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace ks::cli {

namespace {

/// A provider's whole list would push everything else off the screen.
constexpr std::size_t kMostEndpoints = 4;

Tone tone_of(Summary summary) {
    switch (summary) {
    case Summary::open:
    case Summary::paused:
    case Summary::unknown:
        return Tone::bad;
    case Summary::degraded:
        return Tone::warning;
    case Summary::protected_:
    case Summary::locked:
    case Summary::panic:
        break;
    }
    return Tone::good;
}

/// "wg0 (wireguard)"; what has no interface is named by its kind.
std::string device_text(const TunnelReport& tunnel) {
    if (tunnel.interface.empty() || tunnel.kind.empty()) {
        return tunnel.interface + tunnel.kind;
    }
    return fmt::format("{} ({})", tunnel.interface, tunnel.kind);
}

void add_tunnels(const StatusReport& report, std::vector<std::string>& lines) {
    for (const TunnelReport& tunnel : report.tunnels) {
        lines.push_back(fmt::format("  tunnel   {}: {} {}", tunnel.name, device_text(tunnel),
                                    tunnel.up ? "up" : "down"));
        const std::size_t shown = std::min(tunnel.endpoints.size(), kMostEndpoints);
        for (std::size_t i = 0; i < shown; ++i) {
            const auto& known = tunnel.endpoints[i];
            lines.push_back(fmt::format("             to {} ({})", known.endpoint, known.source));
        }
        if (const std::size_t rest = tunnel.endpoints.size() - shown; rest != 0) {
            lines.push_back(fmt::format("             and {} more", rest));
        }
    }
}

void add_holes(const StatusReport& report, std::vector<std::string>& lines) {
    if (report.holes.empty()) {
        lines.emplace_back("  holes    none");
    }
    for (const std::string& hole : report.holes) {
        lines.push_back(
            fmt::format("  {:<8} {}", &hole == report.holes.data() ? "holes" : "", hole));
    }
}

/// In the open the config's wishes are not in force, so they are not listed.
void add_rules(const StatusReport& report, std::vector<std::string>& lines) {
    if (report.judgement.summary == Summary::open || report.judgement.summary == Summary::paused) {
        lines.emplace_back("  rules    none in force");
        return;
    }
    std::vector<std::string> refused;
    for (const auto& [reason, value] : report.counters) {
        if (value.packets != 0) {
            refused.push_back(fmt::format("{} {}", reason, value.packets));
        }
    }
    lines.push_back(refused.empty()
                        ? "  refused  nothing yet"
                        : fmt::format("  refused  {} (packets)", fmt::join(refused, ", ")));
    lines.push_back(
        fmt::format("  rules    {}, owner: {}, IPv6 {}",
                    report.judgement.verified ? "verified in the kernel" : "not as they should be",
                    report.ownership, report.ipv6 == "block" ? "blocked" : "in the tunnel only"));
}

void add_deadlines(const StatusReport& report, std::vector<std::string>& lines) {
    if (report.confirm_within) {
        lines.push_back(fmt::format("  confirm  within {} s, or it opens again: sudo killswitchd "
                                    "confirm",
                                    *report.confirm_within));
    }
    if (report.paused_for) {
        lines.push_back(fmt::format("  pause    ends in {} s; end it now: sudo killswitchd resume",
                                    *report.paused_for));
    }
}

/// For who is cut off and does not know why.
std::string way_on(const StatusReport& report) {
    if (report.armed && !report.service_running && !report.boot_disabled) {
        return fmt::format("hint: start the service: {}; or open: sudo killswitchd disarm",
                           start_command());
    }
    if (report.judgement.summary == Summary::locked) {
        return "hint: start the VPN; or open: sudo killswitchd disarm";
    }
    return {};
}

std::string text_of(const Options& options, const StatusReport& report) {
    const Judgement& judgement = report.judgement;
    std::string text =
        fmt::format("{}: {}\n", paint(options, tone_of(judgement.summary), word(judgement.summary)),
                    escaped(judgement.reason));
    if (options.brief) {
        return text;
    }
    std::vector<std::string> lines;
    add_tunnels(report, lines);
    add_holes(report, lines);
    add_rules(report, lines);
    add_deadlines(report, lines);
    lines.push_back(fmt::format("  service  {}, mode {}, {}",
                                report.service_running ? "running" : "stopped", report.mode,
                                report.armed ? "armed" : "not armed"));
    if (!report.last_error.empty()) {
        lines.push_back(fmt::format("  error    {}", report.last_error));
    }
    for (const std::string& file : report.config.files) {
        lines.push_back(fmt::format("  config   {}", file));
    }
    if (std::string hint = way_on(report); !hint.empty()) {
        lines.push_back(std::move(hint));
    }
    for (const std::string& line : lines) {
        text += escaped(line) + "\n";
    }
    return text;
}

int show(const Options& options, const StatusReport& report) {
    if (options.quiet) {
        return exit_code(report.judgement.summary);
    }
    if (options.json) {
        fmt::print("{}\n", to_json(report).dump(options.watch ? -1 : 2, ' ', /*ensure_ascii=*/true,
                                                nlohmann::json::error_handler_t::replace));
    } else {
        fmt::print("{}", text_of(options, report));
    }
    std::fflush(stdout);
    return exit_code(report.judgement.summary);
}

int show_once(const Options& options) {
    const auto report = fetch_report(options);
    if (!report) {
        if (!options.quiet) {
            complain(fmt::format("cannot tell: {}", report.error().message()));
        }
        return kNoPermission;  // 4: "cannot tell" of status.
    }
    return show(options, *report);
}

/// The report of now and of every event, until the service goes away; then once more, from the
/// kernel.
int watch(const Options& options) {
    bool first = true;
    const auto watched = watch_service(options, From::now, [&](const ServiceEvent& event) {
        if (!first && !options.json) {
            fmt::print("\n{}\n", escaped(event.time));
        }
        first = false;
        static_cast<void>(show(options, event.status));
        return true;
    });
    const int code = show_once(options);
    if (watched && !*watched) {
        complain("the service is not running, so nothing will change here");
    }
    return code;
}

}  // namespace

int status(const Options& options) {
    return options.watch ? watch(options) : show_once(options);
}

}  // namespace ks::cli
