// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/paths.hpp"

namespace ks {

/// The service: keeps the kernel's rules what config, links and intents call for, until a signal.
/// Leaving, in whatever way, leaves the rules; a start that fails leaves a lock.
/// \return the exit code: 0 after SIGTERM or SIGINT, 1 when something failed, 5 for a bad config.
[[nodiscard]] int run_daemon(const Paths& paths);

}  // namespace ks
