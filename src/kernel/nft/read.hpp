// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "snapshot.hpp"
#include "socket.hpp"

#include <cstdint>

namespace ks {

/// How often a question or a commit that others disturbed is repeated.
constexpr int kAttempts = 100;

/// Waits for a transaction under way: the kernel takes up the next, an empty one too, after it.
/// Two moments of one are not of a single generation, though the number does not say so. One that
/// is committed counts its generation before its objects are the ones seen. One that is still
/// prepared has put its rules in the lists, which moves the position where the next part of a dump
/// begins: rules come twice, or not at all. Source: Linux nf_tables_commit(),
/// nf_tables_valid_genid(), __nf_tables_dump_rules().
void await_transaction(NftSocket& socket);

[[nodiscard]] Result<std::uint32_t> read_generation(NftSocket& socket);

/// The tables called `name`. Whole and of one generation, or an error; see Nftables::read().
/// What a transaction that the kernel gives up in the end does to the lists meanwhile cannot be
/// seen: rules may then come twice or not at all, which the next picture does not repeat.
[[nodiscard]] Result<Snapshot> read_snapshot(NftSocket& socket, const char* name);

}  // namespace ks
