// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/observed_tables.hpp"

#include <cstdint>

namespace ks {

constexpr std::uint32_t kDormant = 0x1;  // NFT_TABLE_F_DORMANT
// NFT_TABLE_F_OWNER and _PERSIST are younger than the oldest headers that we build with.
constexpr std::uint32_t kOwner = 0x2;
constexpr std::uint32_t kPersist = 0x4;
constexpr std::uint32_t kOwnedAndPersistent = kOwner | kPersist;

/// The table that stands in for ours; see Nftables.
constexpr const char* kFallbackTable = "killswitchd-fallback";

/// The tables of one name, of one generation.
struct Snapshot {
    std::uint32_t generation = 0;
    ObservedTables tables;
    bool fallback = false;  ///< Whether there is a fallback table, too.

    /// Whether there is any table of this owner.
    [[nodiscard]] bool any_of(TableOwner owner) const;
};

/// The kernel's flags of a table as it was read.
[[nodiscard]] std::uint32_t flags_of(const ObservedTable& table) noexcept;

}  // namespace ks
