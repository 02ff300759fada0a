// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics_text.hpp"

#include "killswitchd/judge.hpp"
#include "killswitchd/time.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace ks::cli {

namespace {

constexpr std::array kSummaries{Summary::protected_, Summary::locked,   Summary::panic,
                                Summary::paused,     Summary::degraded, Summary::open,
                                Summary::unknown};

std::string in_lower_case(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return lower;
}

/// Of a label: a quoted string.
std::string label_value(std::string_view text) {
    std::string all = "\"";
    for (const char c : text) {
        all += c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '\n' ? "\\n" : std::string(1, c);
    }
    return all + "\"";
}

class Writer {
  public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        text += fmt::format("# TYPE killswitchd_{0} {1}\n# HELP killswitchd_{0} {2}\n", name, type,
                            help);
    }
    void sample(std::string_view name, std::string_view labels, std::uint64_t value) {
        text += labels.empty() ? fmt::format("killswitchd_{} {}\n", name, value)
                               : fmt::format("killswitchd_{}{{{}}} {}\n", name, labels, value);
    }
    void gauge(std::string_view name, std::string_view help, std::uint64_t value) {
        family(name, "gauge", help);
        sample(name, "", value);
    }

    std::string text;
};

void add_counters(const StatusReport& report, Writer& writer) {
    writer.family("refused_packets", "counter", "Packets refused since the table was made.");
    for (const auto& [reason, value] : report.counters) {
        writer.sample("refused_packets_total", "reason=" + label_value(reason), value.packets);
    }
    writer.family("refused_bytes", "counter", "Bytes of those packets.");
    for (const auto& [reason, value] : report.counters) {
        writer.sample("refused_bytes_total", "reason=" + label_value(reason), value.bytes);
    }
}

void add_times(const StatusReport& report, std::time_t now, Writer& writer) {
    const auto seconds = [](auto moment) { return std::chrono::system_clock::to_time_t(moment); };
    if (const auto since = moment_in(report.since)) {
        writer.gauge("state_age_seconds", "For how long the service has seen this state.",
                     static_cast<std::uint64_t>(std::max<std::time_t>(now - seconds(*since), 0)));
    }
    if (const auto loaded = moment_in(report.config.loaded)) {
        writer.gauge("config_loaded_timestamp_seconds", "When the service read the config.",
                     static_cast<std::uint64_t>(seconds(*loaded)));
        writer.gauge("config_changed", "Whether another config is on the disk by now.",
                     report.config.changed ? 1 : 0);
    }
}

}  // namespace

std::string metrics_text(const StatusReport& report, std::time_t now) {
    Writer writer;
    writer.family("state", "gauge", "1 for the first word of status, 0 for all others.");
    for (const Summary summary : kSummaries) {
        writer.sample("state", "state=" + label_value(in_lower_case(word(summary))),
                      summary == report.judgement.summary ? 1 : 0);
    }
    if (report.judgement.summary == Summary::unknown) {  // Then nothing else is known.
        return writer.text + "# EOF\n";
    }
    writer.gauge("armed", "Whether blocking is wanted.", report.armed ? 1 : 0);
    writer.gauge("verified", "Whether the kernel holds exactly the rules that are wanted.",
                 report.judgement.verified ? 1 : 0);
    writer.gauge("service_running", "Whether the service runs.", report.service_running ? 1 : 0);
    writer.gauge("holes", "Holes that are open now.", report.judgement.holes);
    writer.family("tunnel_up", "gauge", "Whether a tunnel is up.");
    for (const TunnelReport& tunnel : report.tunnels) {
        writer.sample("tunnel_up", "tunnel=" + label_value(tunnel.name), tunnel.up ? 1 : 0);
    }
    add_counters(report, writer);
    add_times(report, now, writer);
    return writer.text + "# EOF\n";
}

}  // namespace ks::cli
