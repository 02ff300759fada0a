// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/status_report.hpp"
#include "killswitchd/error.hpp"
#include "options.hpp"

namespace ks::cli {

/// What the service says; without one the same from config and kernel, after complaints about what
/// is wrong with the former (unless --quiet).
/// \return EACCES when the service does not let us look.
[[nodiscard]] Result<StatusReport> fetch_report(const Options& options);
/// The same; to who may not look a report of Summary::unknown, which says what is missing.
[[nodiscard]] Result<StatusReport> fetch_report_for_anybody(const Options& options);

}  // namespace ks::cli
