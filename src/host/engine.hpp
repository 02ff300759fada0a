// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/nftables.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/step.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ks {

/// Runs the pure state machine against the kernel: the only place that performs its effects.
/// The service uses it for its lifetime, `boot` and the commands of a stopped service for one
/// event.
class Engine {
  public:
    struct Hooks {
        std::function<void(const Announce&)> announce;
        std::function<void(std::chrono::milliseconds)> retry_after;
        std::function<void(const std::optional<Instant>&)> wake_at;
        /// Writes the intents to the disk, on behalf of `by`.
        std::function<Status(const Intents&, const std::string& by)> remember;
    };

    Engine(Nftables nftables, State state, Hooks hooks)
        : nftables_(std::move(nftables)), state_(std::move(state)), hooks_(std::move(hooks)) {
        state_.raw_support = nftables_.raw_support();
        state_.log_support = nftables_.log_support();
    }

    /// Performs everything that `event` leads to before it returns; then state() is current, and
    /// state().in_force says whether the kernel holds what is wanted.
    void handle(Event event);

    /// Compares the kernel with what is wanted, and restores it where somebody changed it.
    void verify(const std::string& suspect);

    [[nodiscard]] const State& state() const noexcept { return state_; }
    [[nodiscard]] Nftables& nftables() noexcept { return nftables_; }

  private:
    [[nodiscard]] Event commit(std::optional<Ruleset> ruleset);
    [[nodiscard]] Event remember(Remember wish);

    Nftables nftables_;
    State state_;
    Hooks hooks_;
};

/// Whether the kernel asks our table about every packet and drops by default. What else the table
/// says is for differences(). Without this the host is open, however many rules are listed.
[[nodiscard]] bool drops_by_default(const ObservedTables& observed);

}  // namespace ks
