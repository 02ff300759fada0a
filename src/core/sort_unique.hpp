// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <vector>

namespace ks {

/// Sorts, and leaves each value once.
template <class T>
void sort_unique(std::vector<T>& all) {
    std::ranges::sort(all);
    const auto repeated = std::unique(all.begin(), all.end());
    all.erase(repeated, all.end());
}

}  // namespace ks
