// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/status_report.hpp"
#include "killswitchd/error.hpp"
#include "options.hpp"

namespace ks::cli {

/// What the service says; without one the same from config and kernel, after complaints about what
/// is wrong with the former (unless --quiet).
[[nodiscard]] Result<StatusReport> fetch_report(const Options& options);

}  // namespace ks::cli
