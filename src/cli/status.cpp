// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/status_report.hpp"
#include "../wire/status_json.hpp"
#include "client.hpp"
#include "fetch.hpp"
#include "killswitchd/escape.hpp"
#include "killswitchd/judge.hpp"
#include "options.hpp"
#include "status_screen.hpp"
#include "terminal.hpp"

#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ks::cli {

namespace {

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

std::string text_of(const Options& options, const StatusReport& report) {
    const Judgement& judgement = report.judgement;
    const std::string text = options.brief
                                 ? escaped(headline_at(report, std::time(nullptr))) + "\n"
                                 : status_screen(report, std::time(nullptr), start_command());
    const std::string_view first = word(judgement.summary);
    return paint(options, tone_of(judgement.summary), first) + text.substr(first.size());
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
    const auto report = fetch_report_for_anybody(options);
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
