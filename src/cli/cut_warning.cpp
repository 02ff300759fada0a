// SPDX-License-Identifier: GPL-2.0-or-later
#include "cut_warning.hpp"

#include "../host/observe.hpp"
#include "fetch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/escape.hpp"
#include "terminal.hpp"

#include <cstdio>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace ks::cli {

std::optional<Cut> foresee(const Options& options, const std::optional<Request>& request) {
    Options quietly = options;
    quietly.quiet = true;
    const auto report = fetch_report_for_anybody(quietly);
    World world = observe(options.paths);
    if (!world.config.ok() || !report) {
        return std::nullopt;
    }
    State after = std::move(world.state);
    if (request) {
        auto wished = apply(after.intents, *request, &after.policy, after.now);
        if (!wished) {
            return std::nullopt;
        }
        after.intents = *std::move(wished);
    }
    if (!report->service_running) {
        take_tunnels_down(after);
    }
    after.situation = decide(after);
    after.wanted = compile(after.policy, after.situation);
    Cut cut = foresee(after);
    const Summary now = report->judgement.summary;
    if (now != Summary::open && now != Summary::paused) {
        cut.others.clear();  // They are cut already, or stay.
    }
    return cut;
}

bool warn_of_cut(const Options& options, const std::optional<Request>& request, Undo undo) {
    const auto cut = foresee(options, request);
    if (!cut) {
        return true;  // Whoever carries it out says why not.
    }
    fmt::print("{}", describe(*cut));
    std::fflush(stdout);
    if (!cut->lost || undo == Undo::by_itself || options.anyway) {
        return true;
    }
    complain(fmt::format("this would cut your SSH session from {} ({})",
                         cut->lost->socket.remote.str(), escaped(cut->lost->interface)),
             "killswitchd arm --confirm 60   opens again unless you confirm; or add --anyway");
    return false;
}

}  // namespace ks::cli
