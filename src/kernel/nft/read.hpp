// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/ruleset.hpp"
#include "socket.hpp"

#include <cstdint>
#include <optional>

namespace ks {

/// How often a question or a commit that others disturbed is repeated.
constexpr int kAttempts = 100;

/// The table and the generation that it was read in.
struct Snapshot {
    std::uint32_t generation = 0;
    std::uint32_t flags = 0;
    std::optional<ObservedTable> table;
};

[[nodiscard]] Result<std::uint32_t> read_generation(NftSocket& socket);
/// Whole and of one generation, or an error; see Nftables::read().
[[nodiscard]] Result<Snapshot> read_table(NftSocket& socket, TableFamily family,
                                          const char* name = kTable);

}  // namespace ks
