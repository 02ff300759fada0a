// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "readers.hpp"
#include "tree.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ks {

// Values as config files have them: what the reader of the same key reads again.

/// A key without a value, which write_map() leaves out.
[[nodiscard]] Node left_out();
/// A word, or whatever else YAML takes for nothing but itself.
[[nodiscard]] Node write_plain(std::string text);
/// Text of any kind.
[[nodiscard]] Node write_text(std::string text);
[[nodiscard]] Node write_flag(bool value);
[[nodiscard]] Node write_number(std::uint32_t value);
[[nodiscard]] Node write_number(const std::optional<std::uint32_t>& value);
/// Left out when it is empty.
[[nodiscard]] Node write_name(const std::string& name);

template <class T, std::size_t N>
Node write_word(const std::array<Word<T>, N>& words, T value) {
    return write_plain(std::string(std::ranges::find(words, value, &Word<T>::value)->text));
}

template <class T, class Write>
Node write_list(const std::vector<T>& values, Write write) {
    Node list;
    list.kind = Node::Kind::list;
    for (const T& value : values) {
        list.items.push_back(write(value));
    }
    return list;
}

[[nodiscard]] Node write_texts(const std::vector<std::string>& texts);

/// Values that know their own text.
template <class T>
Node write_texts(const std::vector<T>& values) {
    return write_list(values, [](const T& value) { return write_text(value.str()); });
}

/// The tree as YAML, ending in '\n'. `root` is a mapping.
[[nodiscard]] std::string to_yaml(const Node& root);

}  // namespace ks
