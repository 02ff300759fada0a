// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// Where a value stands. Line and column count from 1; line 0 is the file as a whole.
struct Place {
    std::size_t file = 0;  ///< Index into the texts that are parsed together.
    unsigned line = 0;
    unsigned column = 0;
};

struct Entry;

/// One value of a config file, with its position. Own type, so that no YAML library type, alias or
/// tag reaches the readers.
struct Node {
    enum class Kind : std::uint8_t {
        null,
        scalar,
        list,
        map,
        refused,  ///< Reported already where it was read; readers stay silent about it.
    } kind = Kind::null;
    enum class Quoting : std::uint8_t { plain, quoted } quoting = Quoting::plain;
    Place at;
    std::string text;            ///< Of a scalar.
    std::vector<Node> items;     ///< Of a list.
    std::vector<Entry> entries;  ///< Of a map; keys are unique.

    /// The value of `key` in a map, or null.
    [[nodiscard]] const Node* find(std::string_view key) const;
};

struct Entry {
    std::string key;
    Place at;
    Node value;
};

/// Lays `over` upon `base`: maps merge key by key, lists append, anything else is replaced.
void merge(Node& base, Node over);

}  // namespace ks
