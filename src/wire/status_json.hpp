// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/status_report.hpp"

#include <nlohmann/json_fwd.hpp>

namespace ks {

inline constexpr int kReportSchema = 1;

/// The object of `status --json` and of GetStatus(), see killswitchd(8).
[[nodiscard]] nlohmann::json to_json(const StatusReport& report);

/// The object of `endpoints --json`: a list without the tunnels around it.
[[nodiscard]] nlohmann::json endpoints_json(const StatusReport& report);

/// The report in such an object. What is missing or of another type keeps its default: an older
/// service has fewer fields.
[[nodiscard]] StatusReport report_from(const nlohmann::json& object);

}  // namespace ks
