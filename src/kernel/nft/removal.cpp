// SPDX-License-Identifier: GPL-2.0-or-later
#include "removal.hpp"

#include "batch.hpp"
#include "read.hpp"

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

/// "removing table inet killswitchd, table arp killswitchd".
std::string removing(const Snapshot& snapshot, const char* name) {
    std::vector<std::string> tables;
    for (const auto& [family, table] : snapshot.tables) {
        tables.push_back(fmt::format("table {} {}", word(family), name));
    }
    return fmt::format("removing {}", fmt::join(tables, ", "));
}

}  // namespace

Status remove_tables(NftSocket& socket, const char* name) {
    for (int attempt = 0;; ++attempt) {
        const auto there = read_snapshot(socket, name);
        if (!there) {
            return there.error();
        }
        if (there->tables.empty()) {
            return Done{};
        }
        Batch batch(socket, there->generation, name);
        for (const auto& [family, table] : there->tables) {
            batch.select(family);
            batch.delete_table();
        }
        auto removed = batch.commit();
        const bool again = removed || overtaken(removed.error()) ||
                           removed.error().sys_errno == ENOENT;  // It left with its owner.
        if (!again || attempt == kAttempts) {
            return removed ? Error{"somebody makes it again: " + removing(*there, name)}
                           : std::move(removed).error().within(removing(*there, name));
        }
    }
}

}  // namespace ks
