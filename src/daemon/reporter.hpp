// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/answers.hpp"
#include "../host/status_report.hpp"
#include "config_on_disk.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/judge.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/paths.hpp"
#include "killswitchd/step.hpp"

#include <string>
#include <utility>

namespace ks {

/// What the service says of itself: the report, and since when its verdict is the same.
class Reporter {
  public:
    explicit Reporter(Paths paths) : paths_(std::move(paths)) {}

    /// A config was loaded, and is in force if it can be used.
    void note_config(const LoadedConfig& config);
    /// Something may have changed: brings the line in /run up to date.
    void refresh(const State& state, Nftables& nftables);
    /// Everything, the rules as the kernel has them now.
    [[nodiscard]] StatusReport report(const State& state, Nftables& nftables);
    /// Whether the files on the disk are others than those in force.
    [[nodiscard]] bool config_changed();
    /// The last line: what holds when the service has gone.
    void leave();

  private:
    void note(const Judgement& now);

    Paths paths_;
    ConfigInfo config_;
    ConfigOnDisk on_disk_;
    AnswerWatch answers_;
    Judgement verdict_;
    std::string since_;
    std::string line_;  ///< The mark and the line as they were last written.
};

}  // namespace ks
