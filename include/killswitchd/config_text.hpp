// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/policy.hpp"

#include <string>
#include <vector>

namespace ks {

/// A valid `policy` as the text of a config file, which parse_config() reads as the same policy.
/// Users and groups are numbers.
[[nodiscard]] std::string config_text(const Policy& policy);

/// Every key of config files that has a value of its own, as a path ("mode", "tunnels.only.user"),
/// in the order in which config_text() writes them.
[[nodiscard]] std::vector<std::string> config_keys();

}  // namespace ks
