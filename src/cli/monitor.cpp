// SPDX-License-Identifier: GPL-2.0-or-later
#include "client.hpp"
#include "terminal.hpp"

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ks::cli {

int monitor(const Options& options) {
    const auto watched = watch_service(options, [&](const nlohmann::json& event) {
        if (options.json) {
            fmt::print("{}\n", event.dump());
        } else {
            fmt::print("{} {}: {}\n", event.value("time", ""), event.value("key", ""),
                       event.value("text", ""));
        }
        return std::fflush(stdout) == 0;
    });
    if (!watched) {
        return fail(watched.error());
    }
    if (!*watched) {
        complain("the service is not running, so there are no events",
                 "start it: " + start_command());
        return kFailed;
    }
    return kDone;
}

}  // namespace ks::cli
