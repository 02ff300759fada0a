// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/links.hpp"

#include <string>
#include <vector>

namespace ks {

/// What others have set up in the kernel of this network namespace that rules of ours do not see,
/// or that refuses beside them: filters of tc that send packets elsewhere, flowtables, and tables
/// that drop by default. One sentence each; also of what cannot be read. For the moment in which
/// somebody asks: nothing announces them.
///
/// \param links  For the names of devices.
[[nodiscard]] std::vector<std::string> read_bypasses(const LinkTable& links);

}  // namespace ks
