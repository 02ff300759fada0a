// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/ruleset.hpp"
#include "read.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace ks {

/// The tables of one name in every family, of one generation.
struct Picture {
    std::array<Snapshot, kFamilies.size()> parts;

    [[nodiscard]] const Snapshot& of(TableFamily family) const {
        return parts[static_cast<std::size_t>(family)];
    }
    [[nodiscard]] std::uint32_t generation() const { return parts[0].generation; }
    /// Whether there is any table.
    [[nodiscard]] bool anything() const;
    [[nodiscard]] ObservedTables tables() &&;
};

/// \return see Nftables::read().
[[nodiscard]] Result<Picture> read_all(NftSocket& socket, const char* name);

/// Removes the tables called `name` of every family; see Nftables::remove().
[[nodiscard]] Status remove_all(NftSocket& socket, const char* name);

}  // namespace ks
