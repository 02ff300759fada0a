// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/automatic.hpp"
#include "killswitchd/step.hpp"
#include "killswitchd/tunnels.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// How the VPN's servers answer, read when somebody asks for it: never in between.
class AnswerWatch {
  public:
    /// Interface -> answers, of those that carry traffic now and can be asked.
    using All = std::map<std::string, Answers>;

    /// Whoever asks more often than once a second gets the same: a program that does not answer
    /// costs its patience each time.
    [[nodiscard]] const All& look(const State& state);

  private:
    All answers_;
    std::map<int, VpnDevice>
        devices_;                    ///< By ifindex, as they were at the first look at a silence.
    std::vector<LiveTunnel> asked_;  ///< Who they were at the last look.
    std::optional<std::chrono::steady_clock::time_point> looked_;
};

/// "wg0 has had no answer for 4 min (203.0.113.8:51820/udp)", when that is so of everything that
/// carries traffic; else nothing.
[[nodiscard]] std::optional<std::string> silence_in(const AnswerWatch::All& answers,
                                                    const State& state);

}  // namespace ks
