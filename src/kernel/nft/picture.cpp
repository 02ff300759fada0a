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

std::optional<LiveTable> Picture::whole() && {
    std::optional<LiveTable> inet = std::move(parts[0].table);
    for (Snapshot& part : parts) {
        if (inet && part.table && part.table->family != TableFamily::inet) {
            inet->beside.push_back(*std::move(part.table));
        }
    }
    return inet;
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
        const auto live = read_all(socket, name);
        if (!live) {
            return live.error();
        }
        if (!live->anything()) {
            return Done{};
        }
        Batch batch(socket, live->generation(), name);
        for (const TableFamily family : kFamilies) {
            if (live->of(family).table) {
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
