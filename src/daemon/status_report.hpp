// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/step.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace ks {

inline constexpr int kReportSchema = 1;

/// Where the policy in use came from.
struct ConfigInfo {
    std::vector<std::string> files;
    std::string hash;
    std::string loaded;  ///< RFC 3339, UTC.
};

/// Everything that `status` is made from.
struct StatusInput {
    enum class Service : std::uint8_t { running, stopped } service = Service::stopped;
    const State& state;  ///< What is wanted; its `wanted` is compared with the kernel.
    const ConfigInfo& config;
    /// The kernel's own answer, asked now. An error means that nobody can tell.
    const Result<ObservedTables>& live;
    enum class Hold : std::uint8_t { absent, stands } hold = Hold::absent;
};

/// Whether the hold table stands; absent also when the kernel does not say, as `live` tells then.
[[nodiscard]] StatusInput::Hold hold_of(Nftables& nftables);

/// The object of `status --json`, see killswitchd(8). Pure but for the existence of the boot unit.
[[nodiscard]] nlohmann::json status_report(const StatusInput& input);

/// The exit code of `status` for a report: 0, 1, 3 or 4.
[[nodiscard]] int status_exit_code(const nlohmann::json& report);

}  // namespace ks
