// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/automatic.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/paths.hpp"

#include <string>
#include <string_view>

namespace ks {

/// What was learned, as the file says it: a line for each, whole or not at all.
[[nodiscard]] std::string learned_text(const LearnedServers& servers);
[[nodiscard]] Result<LearnedServers> parse_learned(std::string_view text);

/// Servers that were learned before a restart or reboot: a VPN must be able to connect while
/// traffic is blocked. None where there is no such file.
[[nodiscard]] Result<LearnedServers> load_learned(const Paths& paths);
[[nodiscard]] Status save_learned(const Paths& paths, const LearnedServers& servers);

}  // namespace ks
