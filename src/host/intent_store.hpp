// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/intents.hpp"

#include <string>
#include <utility>
#include <vector>

namespace ks {

/// The administrator's wishes, kept as marker files in the state directory so that they outlive
/// reboots.
///
/// A marker counts only when it is a trusted file that begins with its own name. One that is
/// missing, damaged or unreadable means the closed side: armed. A panic marker counts in any
/// condition.
class IntentStore {
  public:
    /// `until_reboot` keeps what must not outlive one: that `mode: on-drop` has armed itself.
    IntentStore(std::string directory, std::string until_reboot)
        : directory_(std::move(directory)), until_reboot_(std::move(until_reboot)) {}

    struct Loaded {
        Intents intents;
        std::vector<Error> problems;  ///< Markers that were there but could not be believed.
    };
    [[nodiscard]] Loaded load() const;

    /// Writes or removes what differs between the directory and `intents`; creates the directory.
    /// `who` is recorded for people. On an error the markers are as they were, or one of them is
    /// new.
    [[nodiscard]] Status save(const Intents& intents, const std::string& who) const;

  private:
    [[nodiscard]] std::string path(const char* marker) const;
    std::string directory_;
    std::string until_reboot_;
};

}  // namespace ks
