// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon.hpp"

#include "../host/cgroup_watch.hpp"
#include "../host/engine.hpp"
#include "../host/intent_store.hpp"
#include "../host/ipsec_watch.hpp"
#include "../host/lockdown.hpp"
#include "../host/open_nftables.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/link_monitor.hpp"
#include "killswitchd/log.hpp"
#include "killswitchd/nftables_watch.hpp"
#include "killswitchd/notifier.hpp"
#include "killswitchd/reactor.hpp"
#include "killswitchd/step.hpp"
#include "killswitchd/time.hpp"
#include "service.hpp"
#include "status_report.hpp"

#include <cerrno>
#include <csignal>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ks {

namespace {

constexpr int kFailed = 1;
constexpr int kConfigInvalid = 5;

/// For the journal, where one event is one line.
std::string one_line(const Diagnostic& diagnostic) {
    const std::string text = render(diagnostic);
    const std::string first = text.substr(0, text.find('\n'));
    return diagnostic.hint.empty() ? first : fmt::format("{} ({})", first, diagnostic.hint);
}

/// Glue between the reactor and the engine. Every callback is a few lines; decisions are elsewhere.
class Daemon {
  public:
    Daemon(Paths paths, Reactor reactor, Nftables nftables, NftablesWatch watch, LinkMonitor links,
           IpsecWatch ipsec, State state, LoadedConfig config)
        : paths_(std::move(paths)), store_(paths_.state_dir, paths_.runtime_dir),
          reactor_(std::move(reactor)), watch_(std::move(watch)), links_(std::move(links)),
          ipsec_(std::move(ipsec)),
          engine_(std::move(nftables), std::move(state),
                  {[this](const Announce& say) { announce(say); },
                   [this](std::chrono::milliseconds delay) { retry_after(delay); }}),
          service_(actions(), config.policy->control) {
        note_config(config);
    }

    int run() {
        if (auto ready = listen(); !ready) {
            log(Severity::error, "start-failed", ready.error().message());
            return kFailed;
        }
        load_cgroups();  // The first event: everything that is known already goes into force.
        if (auto watching = watch_everything(); !watching) {
            log(Severity::error, "start-failed", watching.error().message());
            return kFailed;
        }
        tell_systemd();
        feed_watchdog();
        if (auto done = reactor_.run(); !done) {
            log(Severity::error, "loop-failed", done.error().message());
            exit_code_ = kFailed;
        }
        leave();
        static_cast<void>(notifier_.send("STOPPING=1"));
        log(Severity::notice, "stopped", "the rules stay in the kernel");
        return exit_code_;
    }

  private:
    /// At shutdown the service manager closes its socket before it ends us.
    void leave() {
        if (const auto& wanted = engine_.state().wanted) {
            if (auto left = engine_.nftables().leave(*wanted); !left) {
                log(Severity::error, "hold-failed", left.error().message());
            }
        }
    }

    /// Only a second service is a reason not to start: without a socket the lock must still hold.
    Status listen() {
        if (auto made = ensure_directory(paths_.runtime_dir); !made) {
            log(Severity::error, "control-unavailable", made.error().message());
        }
        auto listening = service_.listen(reactor_, paths_.socket());
        if (!listening && listening.error().sys_errno == EADDRINUSE) {
            return std::move(listening).error().within("another killswitchd runs here");
        }
        if (!listening) {
            log(Severity::error, "control-unavailable", listening.error().message());
        }
        return Done{};
    }

    Status watch_everything() {
        auto on_links = reactor_.on_readable(links_.fd(), [this] { links_changed(); });
        if (!on_links) {
            return on_links;
        }
        auto on_ipsec = watch_ipsec();
        if (!on_ipsec) {
            return on_ipsec;
        }
        auto on_rules = reactor_.on_readable(watch_.fd(), [this] { rules_changed(); });
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

    void links_changed() {
        const auto changed = links_.drain();
        if (!changed) {
            lock_and_leave(LinksUnknown{changed.error()});
        } else if (*changed) {
            tunnels_changed(LinksChanged{links_.links()});
        }
    }

    Status watch_ipsec() {
        if (const auto& problem = ipsec_.problem()) {
            engine_.handle(IpsecUnknown{*problem});
        }
        if (ipsec_.fd() < 0) {
            return Done{};
        }
        return reactor_.on_readable(ipsec_.fd(), [this] { ipsec_changed(); });
    }

    void ipsec_changed() {
        const auto changed = ipsec_.drain();
        if (!changed) {
            lock_and_leave(IpsecUnknown{changed.error()});
        } else if (*changed) {
            tunnels_changed(IpsecChanged{ipsec_.gateways()});
        }
    }

    /// In this order, and so that systemd starts a fresh monitor.
    void lock_and_leave(Event unknown) {
        engine_.handle(std::move(unknown));
        exit_code_ = kFailed;
        reactor_.stop();
    }

    void tunnels_changed(Event event) {
        const Intents before = engine_.state().intents;
        engine_.handle(std::move(event));
        if (engine_.state().intents != before) {
            static_cast<void>(remember("a tunnel that came up"));
        }
        tell_systemd();
    }

    void rules_changed() {
        const auto who = watch_.drain();
        if (!who || *who) {
            engine_.verify(who ? **who : "unknown");
            tell_systemd();
        }
    }

    void retry_after(std::chrono::milliseconds delay) {
        reactor_.cancel(retry_);
        retry_ = reactor_.after(delay, [this] {
            engine_.handle(RetryDue{});
            tell_systemd();
        });
    }

    void load_cgroups() {
        cgroups_.emplace(CgroupWatch::open(cgroups_of(engine_.state().policy)));
        if (cgroups_->fd() >= 0) {
            static_cast<void>(reactor_.on_readable(cgroups_->fd(), [this] {
                cgroups_->drain();
                engine_.handle(CgroupsChanged{cgroups_->ids()});
            }));
        }
        engine_.handle(CgroupsChanged{cgroups_->ids()});
    }

    void announce(const Announce& say) {
        const bool bad = say.key != "state-change";
        log(bad ? Severity::error : Severity::notice, say.key, say.text);
        service_.publish(say.key, say.text);
    }

    void note_config(const LoadedConfig& config) {
        info_ = {config.files, config.hash, utc_now()};
        for (const Diagnostic& diagnostic : config.diagnostics) {
            log(Severity::warning, "config", one_line(diagnostic));
        }
    }

    // --- what the control socket asks for ---

    ServiceActions actions() {
        const auto change = [this](auto edit) {
            return [this, edit](const std::string& who) { return change_intents(edit, who); };
        };
        return {
            [this] { return status(); },
            [this](const std::string& who) { return arm(who); },
            change([](Intents& intents) {
                intents.disarmed = true;
                intents.engaged = false;
            }),
            change([](Intents& intents) { intents.panic = true; }),
            change([](Intents& intents) { intents.panic = false; }),
            [this](const std::string& who) { return reload(who); },
        };
    }

    nlohmann::json status() {
        Nftables& nftables = engine_.nftables();
        return status_report({StatusInput::Service::running, engine_.state(), info_,
                              nftables.read(), hold_of(nftables)});
    }

    Answer arm(const std::string& who) {
        if (engine_.state().policy.mode == Mode::off) {
            return Answer::fail("org.killswitchd.Refused",
                                fmt::format("mode is off in {}; set 'mode: always' and run "
                                            "`killswitchd reload` first",
                                            paths_.config));
        }
        return change_intents(
            [](Intents& intents) {
                intents.disarmed = false;
                intents.engaged = true;
            },
            who);
    }

    Status remember(const std::string& who) {
        auto saved = store_.save(engine_.state().intents, who);
        if (!saved) {
            log(Severity::error, "state-not-saved", saved.error().message());
        }
        return saved;
    }

    template <class Edit>
    Answer change_intents(Edit edit, const std::string& who) {
        Intents intents = engine_.state().intents;
        edit(intents);
        log(Severity::notice, "intent",
            fmt::format("{}{} by {}", intents.disarmed ? "disarmed" : "armed",
                        intents.panic ? ", panic" : "", who));
        engine_.handle(IntentsChanged{intents});  // Order: the kernel first, then the disk.
        tell_systemd();
        const auto saved = remember(who);
        if (!engine_.state().in_force) {
            return Answer::fail("org.killswitchd.Failed", engine_.state().last_error);
        }
        if (!saved) {
            return Answer::fail("org.killswitchd.Failed",
                                fmt::format("done, but it will not outlast a restart of the "
                                            "service: {}",
                                            saved.error().message()));
        }
        return Answer::ok({{"status", status()}});
    }

    Answer reload(const std::string& who) {
        static_cast<void>(notifier_.send("RELOADING=1"));
        LoadedConfig config = load_config(paths_.config);
        if (!config.ok()) {
            std::string all;
            for (const Diagnostic& diagnostic : config.diagnostics) {
                all += render(diagnostic);
                log(Severity::error, "config", one_line(diagnostic));
            }
            log(Severity::error, "reload-failed", "the previous config stays in force");
            tell_systemd();
            return Answer::fail("org.killswitchd.ConfigInvalid", all);
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
        engine_.handle(PolicyLoaded{*config.policy});
        if (auto watching = watch_ipsec(); !watching) {
            lock_and_leave(IpsecUnknown{watching.error()});
        }
        if (cgroups_ && cgroups_->fd() >= 0) {
            reactor_.forget(cgroups_->fd());
        }
        load_cgroups();
        tell_systemd();
        if (!engine_.state().in_force) {
            return Answer::fail("org.killswitchd.Failed", engine_.state().last_error);
        }
        return Answer::ok({{"status", status()}});
    }

    // --- systemd ---

    /// READY only once the kernel holds what is wanted: units ordered behind us rely on it.
    void tell_systemd() {
        const State& state = engine_.state();
        const std::string text = fmt::format(
            "STATUS={}{}", word(state.situation.state),
            state.in_force ? std::string() : fmt::format("; commit failed: {}", state.last_error));
        static_cast<void>(notifier_.send(state.in_force ? "READY=1\n" + text : text));
    }

    void feed_watchdog() {
        if (const auto interval = notifier_.watchdog_interval()) {
            static_cast<void>(notifier_.send("WATCHDOG=1"));
            reactor_.after(*interval, [this] { feed_watchdog(); });
        }
    }

    Paths paths_;
    IntentStore store_;
    Reactor reactor_;
    NftablesWatch watch_;
    LinkMonitor links_;
    IpsecWatch ipsec_;
    Engine engine_;
    Service service_;
    Notifier notifier_ = Notifier::from_environment();
    std::optional<CgroupWatch> cgroups_;
    ConfigInfo info_;
    Reactor::TimerId retry_ = 0;
    int exit_code_ = 0;
};

}  // namespace

int run_daemon(const Paths& paths) {
    const LoadedConfig config = load_config(paths.config);
    const auto loaded = IntentStore(paths.state_dir, paths.runtime_dir).load();
    for (const Error& problem : loaded.problems) {
        log(Severity::error, "state-unreadable", problem.message());
    }
    if (!config.ok()) {
        for (const Diagnostic& diagnostic : config.diagnostics) {
            log(Severity::error, "config", one_line(diagnostic));
        }
        hold_without_config(loaded.intents);
        return kConfigInvalid;
    }
    auto reactor = Reactor::open();
    auto nftables = open_nftables(config.policy->ownership);
    auto links = LinkMonitor::open();
    const auto cannot_start = [&](const Error& why) {
        log(Severity::error, "start-failed", why.message());
        if (config.policy->mode != Mode::off) {
            hold_without_config(loaded.intents);
        }
        return kFailed;
    };
    for (const Error* const failure :
         {reactor ? nullptr : &reactor.error(), nftables ? nullptr : &nftables.error(),
          links ? nullptr : &links.error()}) {
        if (failure != nullptr) {
            return cannot_start(*failure);
        }
    }
    auto watch = NftablesWatch::open(nftables->port());
    if (!watch) {
        return cannot_start(watch.error());
    }
    State state;
    state.policy = *config.policy;
    state.links = links->links();
    IpsecWatch ipsec = IpsecWatch::open(*config.policy);
    state.ipsec = ipsec.gateways();
    state.intents = loaded.intents;
    Daemon daemon(paths, *std::move(reactor), *std::move(nftables), *std::move(watch),
                  *std::move(links), std::move(ipsec), std::move(state), config);
    return daemon.run();
}

}  // namespace ks
