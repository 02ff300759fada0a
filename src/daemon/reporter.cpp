// SPDX-License-Identifier: GPL-2.0-or-later
#include "reporter.hpp"

#include "../host/observe.hpp"
#include "../host/state_line.hpp"
#include "killswitchd/log.hpp"
#include "killswitchd/time.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>

#include <unistd.h>

namespace ks {

void Reporter::note_config(const LoadedConfig& config) {
    on_disk_.note(config);
    if (config.ok()) {
        config_ = {config.files, config.hash, utc_now()};
    }
}

void Reporter::refresh(const State& state, Nftables& nftables) {
    Observed observed;
    if (state.in_force) {  // It was read back, and watched since.
        observed.rules = state.wanted ? Observed::Rules::filter : Observed::Rules::absent;
        observed.paused = state.situation.state == StateName::paused;
    } else {
        observed = compare(state, look(nftables, state.wanted));
    }
    observed.service = Observed::Service::running;
    observed.broken_config = on_disk_.broken();
    note(judge(state, observed));
}

StatusReport Reporter::report(const State& state, Nftables& nftables) {
    const KernelView view = look_around(nftables, state);
    Observed observed = compare(state, view);
    observed.service = Observed::Service::running;
    on_disk_.look(paths_.config);
    observed.broken_config = on_disk_.broken();
    config_.changed = on_disk_.changed();
    note(judge(state, observed));  // Without the answers, which nobody follows in between.
    const AnswerWatch::All& answers = answers_.look(state);
    observed.silent = silence_in(answers, state);
    StatusReport report = make_report(state, observed, view, config_, answers);
    report.since = since_;
    return report;
}

bool Reporter::config_changed() {
    on_disk_.look(paths_.config);
    return on_disk_.changed();
}

void Reporter::leave() {
    static_cast<void>(write_state_without_service(paths_));
}

void Reporter::note(const Judgement& now) {
    if (now.summary != verdict_.summary || now.state != verdict_.state) {
        since_ = utc_now();
    }
    verdict_ = now;
    std::string line =
        fmt::format("{}{}", word(mark_of(now, ::getpid())), state_line(now, ::getpid()));
    if (line == line_) {
        return;
    }
    if (auto written = write_state(paths_, now, ::getpid()); !written) {
        log(Severity::warning, "state-line-unwritten", written.error().message());
    }
    line_ = std::move(line);
}

}  // namespace ks
