// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/imports.hpp"
#include "../host/resolver_link.hpp"
#include "killswitchd/name_book.hpp"
#include "killswitchd/paths.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/reactor.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/step.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// Keeps the addresses of the endpoints' names current: asks for each when it is due, as long as
/// there is a reason to, and remembers the answers across reboots. What is known stays until
/// something better is.
class NameKeeper {
  public:
    struct Hooks {
        std::function<void()> changed;  ///< The book has other addresses than before.
        std::function<void(const Announce&)> tell;
    };
    /// Runs in `reactor`, which outlives it.
    NameKeeper(Reactor& reactor, Paths paths, Hooks hooks);
    NameKeeper(const NameKeeper&) = delete;
    NameKeeper& operator=(const NameKeeper&) = delete;
    ~NameKeeper();

    /// From now on the names of `policy` and `files` count. Never calls back.
    void use(const Policy& policy, const VpnFiles& files);
    /// The world has changed: what is needed now is asked for at once. Never calls `changed`.
    void follow(const Situation& situation);
    /// A way out may have come: what could not be asked is asked again.
    void network_changed();

    [[nodiscard]] const NameBook& book() const noexcept { return book_; }

  private:
    void ask_due();
    void ask(const std::string& host);
    void wake_when_due();
    void take_replies();
    /// \return whether the addresses have changed.
    [[nodiscard]] bool take(const std::string& host, const NameReply& reply);
    /// Everything that was asked has no answer.
    void give_up(const std::string& why);
    void failed(const std::string& host, const std::string& why);
    void hang_up();
    void save();
    void publish();
    [[nodiscard]] Pace pace() const noexcept;

    Reactor* reactor_;
    Paths paths_;
    Hooks hooks_;
    Policy policy_;
    VpnFiles files_;
    NameBook book_;
    StateName state_ = StateName::disarmed;
    std::vector<std::string> tunnels_up_;
    std::optional<ResolverLink> link_;
    std::map<std::uint32_t, std::string> asked_;  ///< Id -> name, of what has no answer yet.
    std::uint32_t last_id_ = 0;
    std::chrono::nanoseconds last_asked_{};
    std::chrono::nanoseconds last_saved_{};
    std::optional<std::string> published_;  ///< What the hosts file was given last.
};

}  // namespace ks
