// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/observe.hpp"
#include "client.hpp"
#include "fetch.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/difference.hpp"
#include "killswitchd/differences.hpp"
#include "killswitchd/escape.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/holes.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/time.hpp"
#include "redacted_names.hpp"
#include "status_screen.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/utsname.h>
#include <unistd.h>

namespace ks::cli {

namespace {

/// Names in the text cannot steer a terminal.
void add(std::string& out, std::string_view heading, const std::string& text) {
    out += fmt::format("== {}\n", heading);
    std::istringstream lines(text.empty() ? "(nothing)" : text);
    for (std::string line; std::getline(lines, line);) {
        constexpr std::string_view kIndent = "  ";  // For each tab of the rules.
        const std::size_t tabs = std::min(line.find_first_not_of('\t'), line.size());
        for (std::size_t i = 0; i < tabs; ++i) {
            out += kIndent;
        }
        out += escaped(line.substr(tabs)) + "\n";
    }
    out += '\n';
}

/// The line of /etc/os-release that is for people. Source: os-release(5).
std::string distribution() {
    constexpr std::string_view kKey = "PRETTY_NAME=";
    std::ifstream file("/etc/os-release");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(kKey)) {
            return line.substr(kKey.size());
        }
    }
    return "unknown distribution";
}

std::string versions() {
    utsname system{};
    static_cast<void>(::uname(&system));
    return fmt::format("killswitchd {}\n{} {} {}\n{}\n{}\n", KS_VERSION, system.sysname,
                       system.release, system.machine, distribution(),
                       ::access("/run/systemd/system", F_OK) == 0 ? "systemd runs"
                                                                  : "without systemd");
}

std::string status_text(const Options& options) {
    const auto report = fetch_report_for_anybody(options);
    return report ? status_screen(*report, std::time(nullptr), start_command())
                  : report.error().message();
}

std::string events_text(const Options& options) {
    const auto events = recent_events(options);
    return events ? fmt::format("{}", fmt::join(*events, "\n")) : events.error().message();
}

/// Without the lines of the file, whose comments are nobody's business.
std::string config_or_findings(const LoadedConfig& config) {
    std::string text;
    for (const Diagnostic& one : config.diagnostics) {
        text += fmt::format("{}:{}:{}: {}\n", one.file, one.line, one.column, one.message);
    }
    return config.ok() ? text + config_text(*config.policy) : text;
}

std::string links_text(const std::optional<LinkTable>& links) {
    if (!links) {
        return "the links cannot be read";
    }
    std::string text;
    for (const auto& [index, link] : *links) {
        text += fmt::format("{} {}: {}{}{}{}{}", index, link.name,
                            link.kind.empty() ? "hardware" : link.kind, link.up ? ", up" : "",
                            link.default_route ? ", default route" : "",
                            link.master != 0 ? fmt::format(", port of {}", link.master) : "",
                            link.lower != 0 ? fmt::format(", on {}", link.lower) : "");
        for (const Prefix& address : link.addresses) {
            text += fmt::format(" {}/{}", address.address.str(), address.length);
        }
        text += '\n';
    }
    return text;
}

std::string rules_text(const World& world) {
    if (!world.config.ok()) {
        return "not compared: the config cannot be used";
    }
    auto nftables = Nftables::open(Ownership::off);
    const auto observed = nftables ? nftables->read() : Result<ObservedTables>(nftables.error());
    if (!observed) {
        return observed.error().message();
    }
    std::string text;
    for (const Difference& one : differences(world.state.wanted, *observed)) {
        text += describe(one) + "\n";
    }
    text = text.empty() ? "the kernel holds these rules:\n" : "differences:\n" + text + "wanted:\n";
    return text + (world.state.wanted ? render_text(*world.state.wanted) : "no table\n");
}

std::string report_text(const Options& options) {
    const World world = observe(options.paths);
    Redactor redact = redacted_names(world);
    std::string text;
    add(text, "versions", versions());
    add(text, "status", status_text(options));
    add(text, "events", events_text(options));
    add(text, "config, as it is understood", config_or_findings(world.config));
    add(text, "holes",
        fmt::format("{}", fmt::join(holes(world.state.policy, world.state.situation.endpoints,
                                          world.state.situation.open_ports),
                                    "\n")));
    add(text, "links", links_text(world.state.links));
    add(text, "rules", rules_text(world));
    return fmt::format(
               "killswitchd report of {}. Addresses and names are masked, each the same way "
               "throughout.\n\n",
               utc_now()) +
           redact(text);
}

/// Whether a person who has seen the text wants it in the file.
bool agrees(const std::string& path) {
    fmt::print("Write this to {}? [y/N] ", path);
    std::fflush(stdout);
    std::string answer;
    return std::getline(std::cin, answer) && (answer == "y" || answer == "Y");
}

}  // namespace

int report(const Options& options) {
    Options silent = options;
    silent.quiet = true;
    const std::string text = report_text(silent);
    fmt::print("{}", text);
    if (options.file.empty()) {
        return kDone;
    }
    if (!options.yes && !agrees(options.file)) {
        complain("nothing is written", "--yes writes without a question");
        return kRefused;
    }
    if (auto written = write_file_atomically(options.file, text); !written) {
        return fail(written.error());
    }
    return kDone;
}

}  // namespace ks::cli
