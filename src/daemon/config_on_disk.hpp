// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/config.hpp"

#include <optional>
#include <string>

namespace ks {

/// What the next start would read, beside the config that is in force.
class ConfigOnDisk {
  public:
    /// `config` is what is on the disk now, and in force exactly when it can be used.
    void note(const LoadedConfig& config);
    /// Looks again. Only files that were never looked at are parsed: that may ask for names.
    void look(const std::string& main_file);

    /// Whether the files are not those of the config in force.
    [[nodiscard]] bool changed() const { return seen_ != in_force_; }
    /// Why the config on the disk cannot be used, as one line; nothing when it can.
    [[nodiscard]] const std::optional<std::string>& broken() const { return broken_; }

  private:
    std::string in_force_;  ///< Hashes.
    std::string seen_;
    std::optional<std::string> broken_;
};

}  // namespace ks
