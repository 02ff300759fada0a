// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace ks {

/// The wall clock as RFC 3339 in UTC with milliseconds: "2026-01-31T23:59:59.123Z".
[[nodiscard]] std::string utc_now();

}  // namespace ks
