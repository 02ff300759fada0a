// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/net.hpp"
#include "killswitchd/step.hpp"

#include <string>

namespace ks::cli {

/// The interface that has this address; empty when none has, or the links are not known.
[[nodiscard]] std::string interface_with(const State& state, const IpAddress& address);

/// The kind of the interface as rtnetlink calls it; empty for hardware, and where it is not known.
[[nodiscard]] std::string kind_of(const State& state, const std::string& interface);

}  // namespace ks::cli
