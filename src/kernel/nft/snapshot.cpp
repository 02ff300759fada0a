// SPDX-License-Identifier: GPL-2.0-or-later
#include "snapshot.hpp"

#include <algorithm>
#include <cstdint>

namespace ks {

bool Snapshot::any_of(TableOwner owner) const {
    return std::ranges::any_of(tables,
                               [&](const auto& entry) { return entry.second.owner == owner; });
}

std::uint32_t flags_of(const ObservedTable& table) noexcept {
    const bool owned = table.owner == TableOwner::us || table.owner == TableOwner::somebody;
    return (table.dormant ? kDormant : 0) | (owned ? kOwner : 0) | (table.persist ? kPersist : 0);
}

}  // namespace ks
