// SPDX-License-Identifier: GPL-2.0-or-later
#include "loop.hpp"

#include "../host/last_good.hpp"
#include "../host/status_report.hpp"
#include "config_log.hpp"
#include "import_log.hpp"
#include "killswitchd/intents.hpp"
#include "killswitchd/log.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr int kFailed = 1;
// Keys of the timers.
constexpr const char* kRetry = "retry";
constexpr const char* kDeadline = "deadline";
constexpr const char* kNames = "names";
constexpr const char* kWatchdog = "watchdog";

/// What holds, for programs that read the journal.
std::vector<LogField> log_fields(const Situation& situation) {
    std::vector<LogField> fields{{"KILLSWITCHD_STATE", std::string(word(situation.state))}};
    for (std::string& way : ways_out(situation)) {
        fields.push_back({"KILLSWITCHD_TUNNEL", std::move(way)});
    }
    return fields;
}

}  // namespace

Loop::Loop(Paths paths, Sources sources, BootClock clock, State state, const LoadedConfig& config)
    : paths_(std::move(paths)), store_(paths_.state_dir), clock_(std::move(clock)),
      reactor_(std::move(sources.reactor)), rules_(std::move(sources.rules)),
      links_(std::move(sources.links)), ipsec_(std::move(sources.ipsec)),
      imports_(std::move(sources.imports)),
      engine_(std::move(sources.nftables), std::move(state), hooks()),
      service_(actions(), config.policy->control), listener_(paths_, reactor_, service_),
      ports_(reactor_, engine_, service_, std::move(sources.ports)),
      learner_(paths_, reactor_, engine_, service_, std::move(sources.learned)),
      blocked_(reactor_, service_, [this]() -> const State& { return engine_.state(); }),
      reporter_(paths_), reconnector_(paths_, reactor_, engine_, service_),
      names_(reactor_, paths_,
             {[this] { names_changed(); },
              [this](const Announce& say) {
                  log(say.key == "name-changed" ? Severity::notice : Severity::warning, say.key,
                      say.text);
                  service_.publish(say.key, say.text);
              }}),
      cgroups_(reactor_, [this](CgroupsChanged event) { engine_.handle(std::move(event)); }) {
    names_.use(engine_.state().policy, imports_.files());
    note_config(config);
}

int Loop::run() {
    // The first event: everything that is known already goes into force.
    engine_.handle(cgroups_.follow(engine_.state().policy, service_.leases().cgroups()));
    blocked_.follow();
    if (auto ready = listener_.listen(); !ready) {
        log(Severity::error, "start-failed", ready.error().message());
        return kFailed;
    }
    if (auto watching = watch_everything(); !watching) {
        log(Severity::error, "start-failed", watching.error().message());
        return kFailed;
    }
    learner_.look();
    tell_systemd();
    feed_watchdog();
    if (auto done = reactor_.run(); !done) {
        log(Severity::error, "loop-failed", done.error().message());
        exit_code_ = kFailed;
    }
    leave();
    reporter_.leave();
    static_cast<void>(notifier_.send("STOPPING=1"));
    log(Severity::notice, "stopped", "the rules stay in the kernel");
    return exit_code_;
}

void Loop::leave() {
    engine_.handle(EndpointsChanged{EndpointSource::lease, {}});  // None outlasts the service.
    if (const auto& wanted = engine_.state().wanted) {
        if (auto left = engine_.nftables().leave(*wanted); !left) {
            log(Severity::error, "fallback-failed", left.error().message());
        }
    }
}

Engine::Hooks Loop::hooks() {
    return {
        .announce = [this](const Announce& say) { announce(say); },
        .retry_after = [this](std::chrono::milliseconds delay) { retry_after(delay); },
        .wake_at = [this](const std::optional<Instant>& moment) { wake_at(moment); },
        .remember =
            [this](const Intents& intents, const std::string& by) {
                return store_.save(intents, clock_.now(), by);
            },
    };
}

Status Loop::watch_everything() {
    auto on_links = reactor_.on_readable(links_.fd(), [this] { links_changed(); });
    if (!on_links) {
        return on_links;
    }
    for (const auto watch : {&Loop::watch_ipsec, &Loop::watch_imports}) {
        if (auto watching = (this->*watch)(); !watching) {
            return watching;
        }
    }
    if (auto watching = ports_.follow([this] { tell_systemd(); }); !watching) {
        return watching;
    }
    auto on_rules = reactor_.on_readable(rules_.fd(), [this] { rules_changed(); });
    if (!on_rules) {
        return on_rules;
    }
    return reactor_.on_signals({SIGTERM, SIGINT, SIGHUP}, [this](int signal) {
        if (signal == SIGHUP) {
            static_cast<void>(reload("SIGHUP"));
        } else {
            reactor_.stop();
        }
    });
}

void Loop::links_changed() {
    const auto changed = links_.drain();
    if (!changed) {
        lock_and_leave(LinksUnknown{changed.error()});
    } else if (*changed) {
        tunnels_changed(LinksChanged{links_.links()});
        learner_.links_changed();
        names_.network_changed();
    }
    for (const std::string& name : links_.take_moved()) {
        announce({"link-moved",
                  fmt::format("{} went to another network namespace, which has no rules of ours",
                              name)});
    }
}

Status Loop::watch_ipsec() {
    if (const auto& problem = ipsec_.problem()) {
        engine_.handle(IpsecUnknown{*problem});
    }
    if (ipsec_.fd() < 0) {
        return Done{};
    }
    return reactor_.on_readable(ipsec_.fd(), [this] { ipsec_changed(); });
}

void Loop::ipsec_changed() {
    const auto changed = ipsec_.drain();
    if (!changed) {
        lock_and_leave(IpsecUnknown{changed.error()});
    } else if (*changed) {
        tunnels_changed(IpsecChanged{ipsec_.gateways()});
    }
}

Status Loop::watch_imports() {
    log_imports(imports_, engine_.state().policy);
    if (imports_.fd() < 0) {
        return Done{};
    }
    return reactor_.on_readable(imports_.fd(), [this] { imports_changed(); });
}

void Loop::lock_and_leave(Event unknown) {
    engine_.handle(std::move(unknown));
    exit_code_ = kFailed;
    reactor_.stop();
}

void Loop::tunnels_changed(Event event) {
    engine_.handle(std::move(event));
    tell_systemd();
}

void Loop::rules_changed() {
    const auto who = rules_.drain();
    if (!who || *who) {
        engine_.verify(who ? **who : "unknown");
        tell_systemd();
    }
}

void Loop::retry_after(std::chrono::milliseconds delay) {
    reactor_.after(kRetry, delay, [this] {
        engine_.handle(RetryDue{});
        tell_systemd();
    });
}

void Loop::wake_at(const std::optional<Instant>& moment) {
    if (!moment) {
        reactor_.cancel(kDeadline);
        return;
    }
    // Rounded up: a moment too early would find nothing that is due.
    const auto delay =
        std::chrono::ceil<std::chrono::milliseconds>(moment->since_boot - clock_.now().since_boot);
    reactor_.after(kDeadline, delay, [this] {
        engine_.handle(TimeIs{clock_.now()});
        tell_systemd();
    });
}

void Loop::announce(const Announce& say) {
    const bool bad = say.key != "state-change";
    log(bad ? Severity::error : Severity::notice, say.key, say.text,
        log_fields(engine_.state().situation));
    service_.publish(say.key, say.text);
}

void Loop::note_config(const LoadedConfig& config) {
    constexpr std::chrono::seconds kFirst{5};
    reporter_.note_config(config);
    log_diagnostics(Severity::warning, config.diagnostics);
    if (config.only_names_unknown) {
        log(Severity::error, "names-unknown",
            "the numbers hold that these names had when the config was last in force");
        try_names_again(kFirst);
        return;
    }
    reactor_.cancel(kNames);
    if (auto kept = keep_last_good(paths_, config); !kept) {
        log(Severity::warning, "last-good-not-kept", kept.error().message());
    }
}

void Loop::try_names_again(std::chrono::seconds delay) {
    constexpr std::chrono::seconds kLongest{60};
    reactor_.after(kNames, delay, [this, next = std::min(2 * delay, kLongest)] {
        if (load_config(paths_.config).ok()) {
            static_cast<void>(reload("names that are known now"));
        } else {
            try_names_again(next);
        }
    });
}

ServiceActions Loop::actions() {
    return {
        .status = [this] { return status(); },
        .change = [this](const Request& request,
                         const std::string& who) { return change(request, who); },
        .reload = [this](const std::string& who) { return reload(who); },
        .blocked = [this] { return blocked_.recent(); },
        .await_blocked = [this](bool somebody) { blocked_.hurry(somebody); },
        .leases = [this](const std::string& text) { return leases_changed(text); },
    };
}

StatusReport Loop::status() {
    return reporter_.report(engine_.state(), engine_.nftables());
}

Answer Loop::reload(const std::string& who) {
    static_cast<void>(notifier_.send("RELOADING=1"));
    LoadedConfig config = load_config(paths_.config);
    if (!config.ok()) {
        std::string all;
        for (const Diagnostic& diagnostic : config.diagnostics) {
            all += render(diagnostic);
        }
        log_diagnostics(Severity::error, config.diagnostics);
        log(Severity::error, "reload-failed", "the previous config stays in force");
        reporter_.note_config(config);
        tell_systemd();
        return Failure{Failure::Kind::config_invalid, all};
    }
    log(Severity::notice, "reloaded", fmt::format("{} by {}", config.hash, who));
    note_config(config);
    service_.allow(config.policy->control);
    engine_.nftables().prefer(config.policy->ownership);
    if (ipsec_.fd() >= 0) {
        reactor_.forget(ipsec_.fd());
    }
    ipsec_ = IpsecWatch::open(*config.policy);
    engine_.handle(IpsecChanged{ipsec_.gateways()});  // Order: a tunnel that is up stays so.
    if (imports_.fd() >= 0) {
        reactor_.forget(imports_.fd());
    }
    imports_ = ImportWatch::open(*config.policy, &imports_);
    const auto ports_watched = ports_.reopen(*config.policy);
    names_.use(*config.policy, imports_.files());
    // One event: between a policy and its cgroups, whom it confines by them would be free.
    engine_.handle(PolicyLoaded{*config.policy, learned(*config.policy),
                                cgroups_.follow(*config.policy, service_.leases().cgroups()),
                                ports_.ports(*config.policy)});
    if (auto watching = watch_imports(); !watching || !ports_watched) {
        log(Severity::error, "import-unwatched",
            (watching ? ports_watched : watching).error().message());
    }
    if (auto watching = watch_ipsec(); !watching) {
        lock_and_leave(IpsecUnknown{watching.error()});
    }
    learner_.look();
    blocked_.follow();
    tell_systemd();
    return answer();
}

Answer Loop::leases_changed(const std::string& text) {
    log(Severity::notice, "lease", text);
    engine_.handle(cgroups_.follow(engine_.state().policy, service_.leases().cgroups()));
    engine_.handle(EndpointsChanged{EndpointSource::lease, service_.leases().known()});
    tell_systemd();
    service_.publish("lease", text);
    return answer();
}

void Loop::tell_systemd() {
    names_.follow(engine_.state().situation);
    reporter_.refresh(engine_.state(), engine_.nftables());
    reconnector_.look();
    const State& state = engine_.state();
    const std::string text = fmt::format(
        "STATUS={}{}", word(state.situation.state),
        state.in_force ? std::string() : fmt::format("; commit failed: {}", state.last_error));
    static_cast<void>(notifier_.send(state.in_force ? "READY=1\n" + text : text));
}

void Loop::feed_watchdog() {
    if (const auto interval = notifier_.watchdog_interval()) {
        static_cast<void>(notifier_.send("WATCHDOG=1"));
        reactor_.after(kWatchdog, *interval, [this] { feed_watchdog(); });
    }
}

}  // namespace ks
