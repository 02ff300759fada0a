// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "snapshot.hpp"
#include "socket.hpp"

#include <cstdint>

namespace ks {

/// How often a question or a commit that others disturbed is repeated.
constexpr int kAttempts = 100;

[[nodiscard]] Result<std::uint32_t> read_generation(NftSocket& socket);

/// The tables called `name`. Whole and of one generation, or an error; see Nftables::read().
/// What a transaction that the kernel gives up in the end does to the lists meanwhile cannot be
/// seen: rules may then come twice or not at all, which the next picture does not repeat.
[[nodiscard]] Result<Snapshot> read_snapshot(NftSocket& socket, const char* name);

}  // namespace ks
