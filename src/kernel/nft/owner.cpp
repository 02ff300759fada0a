// SPDX-License-Identifier: GPL-2.0-or-later
#include "owner.hpp"

#include "batch.hpp"
#include "read.hpp"
#include "snapshot.hpp"

#include <cstdint>

namespace ks {

namespace {

bool accepts(NftSocket& socket, std::uint32_t flags) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const auto generation = read_generation(socket);
        if (!generation) {
            return false;
        }
        Batch batch(socket, *generation, kProbeTable);
        batch.create_table(flags);
        if (const auto done = batch.rehearse(); done || !overtaken(done.error())) {
            return static_cast<bool>(done);
        }
    }
    return false;
}

}  // namespace

std::uint32_t best_flags(NftSocket& socket, Lifetime lifetime) {
    if (accepts(socket, kOwnedAndPersistent)) {
        return kOwnedAndPersistent;
    }
    return lifetime == Lifetime::held && accepts(socket, kOwner) ? kOwner : 0;
}

}  // namespace ks
