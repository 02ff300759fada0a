// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/learned_store.hpp"
#include "../host/pin.hpp"
#include "../host/status_report.hpp"
#include "../wire/status_json.hpp"
#include "fetch.hpp"
#include "killswitchd/automatic.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/escape.hpp"
#include "killswitchd/time.hpp"
#include "options.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ks::cli {

namespace {

/// "12 s ago"; empty for what was not learned.
std::string age_of(const std::string& learned) {
    using namespace std::chrono;
    const auto moment = moment_in(learned);
    if (!moment) {
        return {};
    }
    const auto age = std::max(duration_cast<seconds>(system_clock::now() - *moment), seconds(0));
    if (age < minutes(2)) {
        return fmt::format("{} s ago", age.count());
    }
    if (age < hours(2)) {
        return fmt::format("{} min ago", duration_cast<minutes>(age).count());
    }
    return age < hours(48) ? fmt::format("{} h ago", duration_cast<hours>(age).count())
                           : fmt::format("{} days ago", duration_cast<hours>(age).count() / 24);
}

void show(const StatusReport& report) {
    std::size_t name = 0;
    std::size_t server = 0;
    for (const TunnelReport& tunnel : report.tunnels) {
        name = std::max(name, escaped(tunnel.name).size());
        for (const auto& known : tunnel.endpoints) {
            server = std::max(server, known.endpoint.size());
        }
    }
    for (const LeaseReport& lease : report.leases) {
        server = std::max(server, lease.endpoint.size());
    }
    for (const TunnelReport& tunnel : report.tunnels) {
        if (tunnel.endpoints.empty()) {
            fmt::print("{:<{}}  no endpoint is known\n", escaped(tunnel.name), name);
        }
        for (const auto& known : tunnel.endpoints) {
            const std::string age = age_of(known.learned);
            fmt::print("{:<{}}  {:<{}}  {}{}{}{}\n", escaped(tunnel.name), name, known.endpoint,
                       server, escaped(known.source), age.empty() ? "" : ", ", age,
                       tunnel.via.empty() ? "" : ", through " + escaped(tunnel.via));
        }
    }
    for (const LeaseReport& lease : report.leases) {
        fmt::print("{:<{}}  {:<{}}  {}, {}\n", "-", name, lease.endpoint, server,
                   escaped(lease.source), age_of(lease.learned));
    }
}

/// Of what was learned, which only root can read.
int pin(const Options& options) {
    const LoadedConfig config = load_config(options.paths.config);
    if (!config.ok()) {
        complain(config.diagnostics);
        return kConfigInvalid;
    }
    const auto servers = load_learned(options.paths);
    if (!servers) {
        return fail(servers.error());
    }
    const auto done = pin_endpoints(config, endpoints_from(*servers, *config.policy));
    if (!done) {
        return fail(done.error());
    }
    for (const std::string& one : *done) {
        fmt::print("{}\n", escaped(one));
    }
    fmt::print("{}\n", done->empty() ? "nothing was learned that the config does not say"
                                     : "next: sudo killswitchd reload");
    return kDone;
}

}  // namespace

int endpoints(const Options& options) {
    if (options.pin) {
        return pin(options);
    }
    const auto report = fetch_report(options);
    if (!report) {
        return fail(report.error());
    }
    if (options.json) {
        fmt::print("{}\n", endpoints_json(*report).dump(2, ' ', /*ensure_ascii=*/true,
                                                        nlohmann::json::error_handler_t::replace));
    } else {
        show(*report);
    }
    return kDone;
}

}  // namespace ks::cli
