// SPDX-License-Identifier: GPL-2.0-or-later
#include "picture.hpp"

#include "batch.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

namespace ks {

bool Picture::anything() const {
    return std::ranges::any_of(parts, [](const Snapshot& part) { return !!part.table; });
}

ObservedTables Picture::tables() && {
    ObservedTables tables;
    for (const TableFamily family : kFamilies) {
        if (std::optional<ObservedTable>& table = parts[static_cast<std::size_t>(family)].table) {
            tables.emplace(family, *std::move(table));
        }
    }
    return tables;
}

Result<Picture> read_all(NftSocket& socket, const char* name) {
    for (int attempt = 0;; ++attempt) {
        Picture picture;
        for (const TableFamily family : kFamilies) {
            auto part = read_table(socket, family, name);
            if (!part) {
                return std::move(part).error();
            }
            picture.parts[static_cast<std::size_t>(family)] = *std::move(part);
        }
        const bool whole = std::ranges::all_of(picture.parts, [&](const Snapshot& part) {
            return part.generation == picture.generation();
        });
        if (whole || attempt == kAttempts) {
            return picture;
        }
    }
}

Status remove_all(NftSocket& socket, const char* name) {
    for (int attempt = 0;; ++attempt) {
        const auto observed = read_all(socket, name);
        if (!observed) {
            return observed.error();
        }
        if (!observed->anything()) {
            return Done{};
        }
        Batch batch(socket, observed->generation(), name);
        for (const TableFamily family : kFamilies) {
            if (observed->of(family).table) {
                batch.select(family);
                batch.delete_table();
            }
        }
        auto removed = batch.commit();
        if (removed) {
            continue;  // Proven by the next look.
        }
        if (!overtaken(removed.error()) || attempt == kAttempts) {
            return std::move(removed).error().within("removing the table");
        }
    }
}

}  // namespace ks
