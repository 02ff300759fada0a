// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/status_report.hpp"

#include <ctime>
#include <string>

namespace ks::cli {

/// `report` in the text form of OpenMetrics, which Prometheus' older form reads as well.
/// Source: prometheus.io, OpenMetrics 1.0.
[[nodiscard]] std::string metrics_text(const StatusReport& report, std::time_t now);

}  // namespace ks::cli
