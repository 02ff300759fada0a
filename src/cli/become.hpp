// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace ks::cli {

/// Becomes the program `argv`, without a shell; comes back only where that cannot be.
int become(const std::vector<std::string>& argv);

}  // namespace ks::cli
