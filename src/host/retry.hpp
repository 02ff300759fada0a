// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"

namespace ks {

/// Whether the same attempt may succeed a moment later: the kernel was short of memory, descriptors
/// or time, or was disturbed.
[[nodiscard]] bool is_transient(const Error& error) noexcept;

/// Blocks for a tenth of a second.
void wait_a_moment();

/// Calls `attempt`, which returns a Result, until it succeeds, fails for a lasting reason, or has
/// failed for five seconds. For the boot stage, after which nobody tries again.
template <class Attempt>
[[nodiscard]] auto with_retries(Attempt attempt) {
    constexpr int kAttempts = 50;
    for (int left = kAttempts;; --left) {
        auto result = attempt();
        if (result || left == 0 || !is_transient(result.error())) {
            return result;
        }
        wait_a_moment();
    }
}

}  // namespace ks
