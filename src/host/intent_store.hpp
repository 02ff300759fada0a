// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/intents.hpp"
#include "killswitchd/time.hpp"

#include <optional>
#include <string>

namespace ks {

/// The administrator's wishes, kept in one file of the state directory so that they outlive
/// reboots.
///
/// What opens counts only in a file that is trusted and whole. One that is missing, damaged or
/// unreadable means armed; a panic that can be read there counts in any condition.
class IntentStore {
  public:
    explicit IntentStore(const std::string& state_dir) : path_(state_dir + "/intents") {}

    struct Loaded {
        Intents intents;
        std::string by;                ///< Who asked for them, for people; may be empty.
        std::optional<Error> problem;  ///< Why the file could not be believed.
    };
    /// \param now  What was true of another boot alone is left out; see Intents::engaged.
    [[nodiscard]] Loaded load(const Instant& now) const;

    /// Replaces the file; creates the directory. On an error it is as it was.
    [[nodiscard]] Status save(const Intents& intents, const Instant& now,
                              const std::string& by) const;

  private:
    std::string path_;
};

}  // namespace ks
