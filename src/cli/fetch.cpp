// SPDX-License-Identifier: GPL-2.0-or-later
#include "fetch.hpp"

#include "../host/observe.hpp"
#include "client.hpp"
#include "killswitchd/nftables.hpp"
#include "terminal.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>

namespace ks::cli {

namespace {

/// The same report without the service, straight from the kernel.
StatusReport report_offline(const Options& options) {
    const World world = observe(options.paths);
    if (world.intents_problem && !options.quiet) {
        complain(world.intents_problem->message());
    }
    if (!world.config.ok() && !options.quiet) {
        complain(world.config.diagnostics);
    }
    auto nftables = Nftables::open(Ownership::off);
    const KernelView view =
        nftables ? look(*nftables) : KernelView{Result<ObservedTables>(nftables.error()), false};
    Observed observed = compare(world.state, view);
    observed.broken_config = what_is_broken(world.config);
    return make_report(world.state, observed, view, {world.config.files, world.config.hash, ""});
}

}  // namespace

Result<StatusReport> fetch_report(const Options& options) {
    auto reply = ask_service(options, "org.killswitchd.GetStatus");
    if (!reply) {
        return std::move(reply).error();
    }
    if (!*reply) {
        return report_offline(options);
    }
    if (!(*reply)->error.empty()) {
        return (*reply)->error == "org.killswitchd.PermissionDenied"
                   ? Error{"the service does not allow this to you, run it as root"}
                   : Error{fmt::format("the service answered {}", (*reply)->error)};
    }
    return std::move((*reply)->status);
}

}  // namespace ks::cli
