// SPDX-License-Identifier: GPL-2.0-or-later
#include "fetch.hpp"

#include "../host/observe.hpp"
#include "client.hpp"
#include "killswitchd/judge.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/step.hpp"
#include "terminal.hpp"

#include <cerrno>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace ks::cli {

namespace {

/// The same report without the service, straight from the kernel.
StatusReport report_offline(const Options& options) {
    const World world = observe(options.paths);
    auto nftables = Nftables::open(Ownership::off);
    const KernelView view = nftables ? look_around(*nftables, world.state)
                                     : KernelView{Result<ObservedTables>(nftables.error()), false};
    Observed observed = compare(world.state, view);
    observed.broken_config = what_is_broken(world.config);
    const bool silent = options.quiet || observed.needs_root;  // Root's files are closed too.
    if (world.intents_problem && !silent) {
        complain(world.intents_problem->message());
    }
    if (!world.config.ok() && !silent) {
        complain(world.config.diagnostics);
    }
    AnswerWatch watch;
    const AnswerWatch::All& answers = watch.look(world.state);
    return make_report(world.state, observed, view, {world.config.files, world.config.hash, ""},
                       answers);
}

/// All that can be said to who may not look.
StatusReport report_to_others() {
    Observed observed;
    observed.needs_root = true;
    StatusReport report;
    report.judgement = judge(State{}, observed);
    return report;
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
                   ? Error{"the service does not allow this to you, run it as root", EACCES}
                   : Error{fmt::format("the service answered {}", (*reply)->error)};
    }
    return std::move((*reply)->status);
}

Result<StatusReport> fetch_report_for_anybody(const Options& options) {
    auto report = fetch_report(options);
    return report || report.error().sys_errno != EACCES ? std::move(report)
                                                        : Result(report_to_others());
}

}  // namespace ks::cli
