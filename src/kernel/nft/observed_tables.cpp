// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/observed_tables.hpp"

namespace ks {

const ObservedTable* find_table(const ObservedTables& tables, TableFamily family) noexcept {
    const auto found = tables.find(family);
    return found == tables.end() ? nullptr : &found->second;
}

}  // namespace ks
