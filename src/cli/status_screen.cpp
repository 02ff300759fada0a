// SPDX-License-Identifier: GPL-2.0-or-later
#include "status_screen.hpp"

#include "killswitchd/accounts.hpp"
#include "killswitchd/escape.hpp"
#include "killswitchd/judge.hpp"
#include "killswitchd/time.hpp"
#include "killswitchd/wrap.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks::cli {

namespace {

/// A provider's whole list would push everything else off the screen.
constexpr std::size_t kMostEndpoints = 3;

constexpr std::size_t kHeadlineIndent = 2;
constexpr std::size_t kValueColumn = 11;

/// The lines under the headline.
class Screen {
  public:
    void add(std::string_view label, std::string_view value) {
        text += wrapped(escaped(fmt::format("  {:<8} {}", label, value)), kValueColumn);
    }
    void hint(std::string_view value) {
        text += wrapped(escaped(fmt::format("hint: {}", value)), kHeadlineIndent);
    }

    std::string text;
};

bool is_open(const StatusReport& report) {
    return report.judgement.summary == Summary::open || report.judgement.summary == Summary::paused;
}

/// What is no time as it is.
std::string local(const std::string& utc, std::time_t now) {
    const auto moment = moment_in(utc);
    return moment ? clock_text(std::chrono::system_clock::to_time_t(*moment), now) : utc;
}

/// "1 h 9 min 59 s".
std::string exact(std::int64_t seconds) {
    constexpr std::int64_t kMinute = 60;
    constexpr std::int64_t kHour = 60 * kMinute;
    std::string text;
    if (seconds >= kHour) {
        text += fmt::format("{} h ", seconds / kHour);
    }
    if (seconds >= kMinute) {
        text += fmt::format("{} min ", seconds % kHour / kMinute);
    }
    return text + fmt::format("{} s", seconds % kMinute);
}

std::string duration(std::time_t seconds) {
    constexpr std::time_t kMinute = 60;
    constexpr std::time_t kHour = 60 * kMinute;
    constexpr std::time_t kDay = 24 * kHour;
    if (seconds < kMinute) {
        return fmt::format("{} s", std::max<std::time_t>(seconds, 0));
    }
    if (seconds < kHour) {
        return fmt::format("{} min", seconds / kMinute);
    }
    return seconds < kDay ? fmt::format("{} h {} min", seconds / kHour, seconds % kHour / kMinute)
                          : fmt::format("{} days", seconds / kDay);
}

void add_since(const StatusReport& report, std::time_t now, Screen& screen) {
    if (const auto moment = moment_in(report.since)) {
        const std::time_t then = std::chrono::system_clock::to_time_t(*moment);
        screen.add("since", fmt::format("{} ({})", local(report.since, now), duration(now - then)));
    }
}

/// "wg0 (wireguard)"; what has no interface is named by its kind.
std::string device_text(const TunnelReport& tunnel) {
    if (tunnel.interface.empty() || tunnel.kind.empty()) {
        return tunnel.interface + tunnel.kind;
    }
    return fmt::format("{} ({})", tunnel.interface, tunnel.kind);
}

/// The first few in one line, and how many there are besides.
std::string endpoints_text(const TunnelReport& tunnel) {
    std::vector<std::string> first;
    for (const auto& known : tunnel.endpoints) {
        if (first.size() == kMostEndpoints) {
            break;
        }
        first.push_back(fmt::format("{} ({})", known.endpoint, known.source));
    }
    const std::size_t rest = tunnel.endpoints.size() - first.size();
    return fmt::format("to {}{}{}", fmt::join(first, ", "),
                       rest == 0 ? "" : fmt::format(" and {} more", rest),
                       tunnel.via.empty() ? "" : fmt::format(", through {}", tunnel.via));
}

/// ", 203.0.113.7:51820/udp answered 12 s ago"; nothing where nobody could be asked.
std::string answers_text(const TunnelReport& tunnel, std::time_t now) {
    if (!tunnel.up || !tunnel.answers) {
        return {};
    }
    const Answers& answers = *tunnel.answers;
    const std::string server = answers.server.empty() ? "the server" : answers.server;
    if (!answers.last) {
        return fmt::format(", {} has not answered yet", server);
    }
    return fmt::format(", {} answered {} ago", server,
                       duration(now - std::chrono::system_clock::to_time_t(*answers.last)));
}

void add_tunnels(const StatusReport& report, std::time_t now, Screen& screen) {
    for (const TunnelReport& tunnel : report.tunnels) {
        screen.add("tunnel", fmt::format("{}: {}{}", tunnel.name,
                                         tunnel.up ? device_text(tunnel) + " up" : tunnel.problem,
                                         answers_text(tunnel, now)));
        if (!tunnel.endpoints.empty()) {
            screen.add("", endpoints_text(tunnel));
        }
    }
}

void add_leases(const StatusReport& report, Screen& screen) {
    for (const LeaseReport& lease : report.leases) {
        const std::string holder = lease.source.substr(lease.source.find(' ') + 1);
        screen.add(&lease == report.leases.data() ? "lease" : "",
                   fmt::format("{} for {}{}{}", lease.endpoint, holder,
                               lease.only.empty() ? "" : ", only ", lease.only));
    }
}

/// In the open the config's wishes are not in force.
void add_rules(const StatusReport& report, Screen& screen) {
    if (report.judgement.summary == Summary::paused) {
        screen.add("rules", "in the kernel, which goes by them when the pause ends");
        return;
    }
    if (is_open(report)) {
        screen.add("rules", "none in force");
        return;
    }
    if (report.holes.empty()) {
        screen.add("holes", "none");
    }
    for (const std::string& hole : report.holes) {
        screen.add(&hole == report.holes.data() ? "holes" : "", hole);
    }
    for (const std::string& notice : report.notices) {
        screen.add(&notice == report.notices.data() ? "notice" : "", notice);
    }
    std::vector<std::string> refused;
    for (const auto& [reason, value] : report.counters) {
        if (value.packets != 0) {
            refused.push_back(fmt::format("{} {}", reason, value.packets));
        }
    }
    screen.add("refused", refused.empty() ? "nothing yet"
                                          : fmt::format("{} (packets)", fmt::join(refused, ", ")));
    screen.add(
        "rules",
        fmt::format("{}, owner: {}, IPv6 {}",
                    report.judgement.verified ? "verified in the kernel" : "not as they should be",
                    report.ownership, report.ipv6 == "block" ? "blocked" : "in the tunnel only"));
}

/// Of packet sockets and bridged guests, where some are not blocked though they should be.
void add_raw(const StatusReport& report, Screen& screen) {
    if (is_open(report) || report.raw_open.empty()) {
        return;
    }
    const auto list = [](const std::vector<std::string>& devices) {
        return fmt::format("{}", fmt::join(devices, ", "));
    };
    screen.add("raw",
               report.raw_blocked.empty()
                   ? std::string("packet sockets and bridged guests are not blocked")
                   : fmt::format("packet sockets and bridged guests are blocked on {}, not on {}",
                                 list(report.raw_blocked), list(report.raw_open)));
}

void add_deadlines(const StatusReport& report, std::time_t now, Screen& screen) {
    if (report.confirm_within) {
        screen.add("confirm",
                   fmt::format("within {} s, or it opens again: sudo killswitchd confirm",
                               *report.confirm_within));
    }
    if (report.paused_for) {
        screen.add("pause", "end it now: sudo killswitchd resume");
    }
    for (const auto& [user, left] : report.user_pauses) {
        screen.add("pause", fmt::format("user {} until {}; end it now: sudo killswitchd resume",
                                        user_name(user), clock_text(now + left, now)));
    }
}

void add_boot(const StatusReport& report, Screen& screen) {
    if (report.boot_disabled) {
        screen.add("boot", "killswitchd=off: this boot goes without it");
    } else if (report.armed) {
        screen.add("boot", report.boot_lock ? "locked from power-on"
                                            : "not locked before the service starts");
    }
}

void add_config(const StatusReport& report, std::time_t now, Screen& screen) {
    const ConfigInfo& config = report.config;
    for (const std::string& file : config.files) {
        screen.add(&file == config.files.data() ? "config" : "", file);
    }
    if (config.loaded.empty()) {
        return;
    }
    screen.add("", fmt::format("loaded {}, {}", local(config.loaded, now),
                               config.changed ? "CHANGED on disk since: sudo killswitchd reload"
                                              : "unchanged since"));
}

/// For who is cut off and does not know why: what to do, and the command for it.
void add_way_on(const StatusReport& report, const std::string& start, Screen& screen) {
    const bool stopped = report.armed && !report.service_running && !report.boot_disabled;
    const bool locked = report.judgement.summary == Summary::locked;
    const bool refused = std::ranges::any_of(report.tunnels, &TunnelReport::refused);
    if (stopped) {
        screen.hint("to start the service: " + start);
    } else if (locked) {
        screen.hint(refused ? "correct the tunnel in the config, then: sudo killswitchd reload"
                            : "start the VPN");
    }
    if (stopped || locked) {
        screen.hint("to open: sudo killswitchd disarm");
    }
}

}  // namespace

std::string clock_text(std::time_t moment, std::time_t now) {
    std::tm then{};
    std::tm today{};
    localtime_r(&moment, &then);
    localtime_r(&now, &today);
    const bool same_day = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
    std::array<char, 32> shown{};
    const std::size_t length =
        std::strftime(shown.data(), shown.size(), same_day ? "%H:%M" : "%Y-%m-%d %H:%M", &then);
    return {shown.data(), length};
}

std::string headline_at(const StatusReport& report, std::time_t now) {
    std::string line = headline(report.judgement);
    constexpr std::string_view kEnd = "the pause ends";
    const std::size_t at = line.find(kEnd);
    if (report.judgement.summary == Summary::paused && report.paused_for && at != line.npos) {
        line.replace(at, kEnd.size(),
                     fmt::format("{} ({})", clock_text(now + *report.paused_for, now),
                                 exact(*report.paused_for)));
    }
    return line;
}

std::string status_screen(const StatusReport& report, std::time_t now, const std::string& start) {
    Screen screen;
    screen.text = wrapped(escaped(headline_at(report, now)), kHeadlineIndent);
    if (report.judgement.summary == Summary::unknown) {
        return screen.text;
    }
    add_since(report, now, screen);
    add_tunnels(report, now, screen);
    add_leases(report, screen);
    add_rules(report, screen);
    add_raw(report, screen);
    add_deadlines(report, now, screen);
    add_boot(report, screen);
    screen.add("service",
               fmt::format("{}, mode {}, {}", report.service_running ? "running" : "stopped",
                           report.mode, report.armed ? "armed" : "not armed"));
    if (!report.last_error.empty()) {
        screen.add("error", report.last_error);
    }
    add_config(report, now, screen);
    add_way_on(report, start, screen);
    return screen.text;
}

}  // namespace ks::cli
