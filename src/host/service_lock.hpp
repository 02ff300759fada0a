// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <optional>
#include <string>

namespace ks {

/// Tells whether a service runs, also one whose control socket was removed. It lasts as long as the
/// object, and ends with the process however that ends.
class ServiceLock {
  public:
    /// \return nothing when another service has it; an error when nobody can tell.
    /// Source: flock(2).
    [[nodiscard]] static Result<std::optional<ServiceLock>> take(const std::string& runtime_dir);

    /// Whether a service has it now. Takes nothing; false also where that cannot be determined.
    [[nodiscard]] static bool is_taken(const std::string& runtime_dir);

  private:
    explicit ServiceLock(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

}  // namespace ks
