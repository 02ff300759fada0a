// SPDX-License-Identifier: GPL-2.0-or-later
#include "tree.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace ks {

const Node* Node::find(std::string_view key) const {
    const auto entry = std::find_if(entries.begin(), entries.end(),
                                    [&](const Entry& candidate) { return candidate.key == key; });
    return entry == entries.end() ? nullptr : &entry->value;
}

void merge(Node& base, Node over) {
    if (base.kind == Node::Kind::list && over.kind == Node::Kind::list) {
        std::move(over.items.begin(), over.items.end(), std::back_inserter(base.items));
        return;
    }
    if (base.kind != Node::Kind::map || over.kind != Node::Kind::map) {
        base = std::move(over);
        return;
    }
    for (Entry& entry : over.entries) {
        const auto same = std::find_if(base.entries.begin(), base.entries.end(),
                                       [&](const Entry& known) { return known.key == entry.key; });
        if (same == base.entries.end()) {
            base.entries.push_back(std::move(entry));
        } else {
            merge(same->value, std::move(entry.value));
        }
    }
}

}  // namespace ks
