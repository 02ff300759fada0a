// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/time.hpp"

#include <string>

namespace ks {

/// Tells the moments of this boot from those of others.
class BootClock {
  public:
    /// Reads the name of this boot from `runtime_dir`, which does not outlive it, or gives it one.
    /// Never fails: where it can be neither read nor written, no other process knows the name, and
    /// so every deadline ends with this one.
    ///
    /// The kernel's own boot id is no help: a sandbox without /proc/sys cannot read it.
    [[nodiscard]] static BootClock open(const std::string& runtime_dir);

    [[nodiscard]] Instant now() const { return {boot_, since_boot()}; }

  private:
    explicit BootClock(std::string boot) : boot_(std::move(boot)) {}
    std::string boot_;
};

}  // namespace ks
