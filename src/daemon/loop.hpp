// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/boot_clock.hpp"
#include "../host/engine.hpp"
#include "../host/import_watch.hpp"
#include "../host/intent_store.hpp"
#include "../host/ipsec_watch.hpp"
#include "../host/ports_watch.hpp"
#include "blocked_reader.hpp"
#include "cgroup_follower.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/link_monitor.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/nftables_watch.hpp"
#include "killswitchd/notifier.hpp"
#include "killswitchd/paths.hpp"
#include "killswitchd/reactor.hpp"
#include "killswitchd/step.hpp"
#include "learner.hpp"
#include "listener.hpp"
#include "name_keeper.hpp"
#include "ports_follower.hpp"
#include "reconnector.hpp"
#include "reporter.hpp"
#include "service.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace ks {

/// Glue between the reactor and the engine. Every callback is a few lines; decisions are elsewhere.
class Loop {
  public:
    /// What the service has open before anything begins.
    struct Sources {
        Reactor reactor;
        Nftables nftables;
        NftablesWatch rules;
        LinkMonitor links;
        IpsecWatch ipsec;
        ImportWatch imports;
        PortsWatch ports;
        LearnedServers learned{};
    };

    Loop(Paths paths, Sources sources, BootClock clock, State state, const LoadedConfig& config);

    /// Runs until a signal comes. Leaving leaves the rules in the kernel.
    /// \return the exit code.
    [[nodiscard]] int run();

  private:
    /// At shutdown the service manager closes its socket before it ends us.
    void leave();
    [[nodiscard]] Engine::Hooks hooks();
    [[nodiscard]] Status watch_everything();
    void links_changed();
    [[nodiscard]] Status watch_ipsec();
    void ipsec_changed();
    [[nodiscard]] Status watch_imports();
    void imports_changed();
    /// Of files and names; `files` are those of the policy.
    [[nodiscard]] KnownEndpoints learned(const Policy& policy) const;
    void names_changed();
    /// In this order, and so that systemd starts a fresh monitor.
    void lock_and_leave(Event unknown);
    void tunnels_changed(Event event);
    void rules_changed();
    void retry_after(std::chrono::milliseconds delay);
    void wake_at(const std::optional<Instant>& moment);
    void announce(const Announce& say);
    void note_config(const LoadedConfig& config);
    /// Names that could not be looked up may be known a moment later.
    void try_names_again(std::chrono::seconds delay);
    [[nodiscard]] ServiceActions actions();
    [[nodiscard]] StatusReport status();
    [[nodiscard]] Answer change(const Request& request, const std::string& asker);
    [[nodiscard]] Result<Done, Failure> read_before_arming(const std::string& who);
    /// Of a change: what holds now, or why it does not.
    [[nodiscard]] Answer answer();
    [[nodiscard]] Answer reload(const std::string& who);
    [[nodiscard]] Answer leases_changed(const std::string& text);
    /// READY only once the kernel holds what is wanted: units ordered after us rely on it.
    void tell_systemd();
    void feed_watchdog();

    Paths paths_;
    IntentStore store_;
    BootClock clock_;
    Reactor reactor_;
    NftablesWatch rules_;
    LinkMonitor links_;
    IpsecWatch ipsec_;
    ImportWatch imports_;
    Engine engine_;
    Service service_;
    Listener listener_;
    PortsFollower ports_;
    Learner learner_;
    BlockedReader blocked_;
    Reporter reporter_;
    Reconnector reconnector_;
    NameKeeper names_;
    Notifier notifier_ = Notifier::from_environment();
    CgroupFollower cgroups_;
    int exit_code_ = 0;
};

}  // namespace ks
