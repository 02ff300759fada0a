// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/link_monitor.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/step.hpp"

#include <chrono>
#include <vector>

namespace ks::test {

using Clock = std::chrono::steady_clock;

/// What the service does with links, without its reactor. Throws where something fails.
class Follower {
  public:
    /// Reads the links and commits what `policy` makes of them: the lock is verified afterwards.
    explicit Follower(const Policy& policy);
    /// Does what the messages about links that wait call for.
    void follow();
    /// Does what an event calls for.
    void handle(const Event& event);
    /// When the kernel acknowledged what came of the last message.
    [[nodiscard]] Clock::time_point acknowledged() const { return *nftables_.acknowledged(); }
    [[nodiscard]] const Ruleset& wanted() const { return *state_.wanted; }

  private:
    Nftables nftables_;
    LinkMonitor links_;
    State state_;
};

[[nodiscard]] double microseconds(Clock::duration time);
[[nodiscard]] double median(std::vector<double> values);

}  // namespace ks::test
