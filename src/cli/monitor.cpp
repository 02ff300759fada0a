// SPDX-License-Identifier: GPL-2.0-or-later
#include "client.hpp"
#include "killswitchd/escape.hpp"
#include "terminal.hpp"

#include <cstdio>

#include <fmt/format.h>

namespace ks::cli {

int monitor(const Options& options) {
    const auto watched = watch_service(options, From::next, [&](const ServiceEvent& event) {
        if (options.json) {
            fmt::print("{}\n", event.json);
        } else {
            fmt::print("{}\n",
                       escaped(fmt::format("{} {}: {}", event.time, event.key, event.text)));
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
