// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ks {

/// sd_notify(3) without libsystemd. Without $NOTIFY_SOCKET every call does nothing and succeeds.
/// Source: sd_notify(3), "Standalone implementations".
class Notifier {
  public:
    [[nodiscard]] static Notifier from_environment();
    [[nodiscard]] Status send(std::string_view assignments) const;  ///< "READY=1\nSTATUS=locked".
    /// Half of $WATCHDOG_USEC, when systemd wants this process to feed its watchdog.
    [[nodiscard]] std::optional<std::chrono::milliseconds> watchdog_interval() const;

  private:
    std::string address_;
    std::optional<std::chrono::milliseconds> watchdog_;
};

}  // namespace ks
