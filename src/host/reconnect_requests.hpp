// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/paths.hpp"
#include "killswitchd/policy.hpp"

#include <string>
#include <vector>

namespace ks {

// Units to be restarted: `runtime_dir`/reconnect, one a line. The service, which starts nothing,
// writes it; the program of killswitchd-reconnect.service takes it.

/// Adds `unit` to those that nobody has taken yet.
[[nodiscard]] Status request_restart(const Paths& paths, const std::string& unit);

/// Removes the requests. \return those that `policy` names, each once; another is passed over.
[[nodiscard]] Result<std::vector<std::string>> take_requests(const Paths& paths,
                                                             const Policy& policy);

}  // namespace ks
