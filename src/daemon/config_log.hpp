// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/diagnostic.hpp"
#include "killswitchd/log.hpp"

#include <vector>

namespace ks {

/// Logs every diagnostic as one event of one line, which is what the journal wants.
void log_diagnostics(Severity severity, const std::vector<Diagnostic>& diagnostics);

}  // namespace ks
