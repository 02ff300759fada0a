// SPDX-License-Identifier: GPL-2.0-or-later
#include "writers.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::size_t kIndent = 2;

std::string scalar_text(const Node& scalar) {
    if (scalar.quoting == Node::Quoting::plain) {
        return scalar.text;
    }
    std::string text;
    for (const char c : scalar.text) {
        if (c == '"' || c == '\\') {
            text += '\\';
        }
        text += c;
    }
    return fmt::format("\"{}\"", text);
}

/// A scalar, or a mapping of them, among the items of a list.
std::string item_text(const Node& item) {
    if (item.kind != Node::Kind::map) {
        return scalar_text(item);
    }
    std::vector<std::string> entries;
    for (const Entry& entry : item.entries) {
        entries.push_back(fmt::format("{}: {}", entry.key, scalar_text(entry.value)));
    }
    return fmt::format("{{ {} }}", fmt::join(entries, ", "));
}

std::string entries_text(const Node& map, std::size_t indent);

/// What follows the colon of a key that is indented by `indent`, with the line end.
std::string value_text(const Node& value, std::size_t indent) {
    const bool of_maps =
        value.kind == Node::Kind::list && !value.items.empty() &&
        std::ranges::all_of(value.items, [](const Node& n) { return n.kind == Node::Kind::map; });
    if (value.kind == Node::Kind::map) {
        return fmt::format("\n{}", entries_text(value, indent + kIndent));
    }
    if (!of_maps && value.kind == Node::Kind::list) {
        std::vector<std::string> items;
        std::ranges::transform(value.items, std::back_inserter(items), item_text);
        return fmt::format(" [{}]\n", fmt::join(items, ", "));
    }
    if (!of_maps) {
        return fmt::format(" {}\n", scalar_text(value));
    }
    std::string text = "\n";
    for (const Node& item : value.items) {
        std::string lines = entries_text(item, indent + 2 * kIndent);
        text += lines.replace(indent + kIndent, 1, "-");
    }
    return text;
}

std::string entries_text(const Node& map, std::size_t indent) {
    std::string text;
    for (const Entry& entry : map.entries) {
        text += fmt::format("{:{}}{}:{}", "", indent, entry.key, value_text(entry.value, indent));
    }
    return text;
}

}  // namespace

Node left_out() {
    return {};
}

Node write_plain(std::string text) {
    Node node;
    node.kind = Node::Kind::scalar;
    node.text = std::move(text);
    return node;
}

Node write_text(std::string text) {
    Node node = write_plain(std::move(text));
    node.quoting = Node::Quoting::quoted;
    return node;
}

Node write_flag(bool value) {
    return write_plain(value ? "true" : "false");
}

Node write_number(std::uint32_t value) {
    return write_plain(std::to_string(value));
}

Node write_number(const std::optional<std::uint32_t>& value) {
    return value ? write_number(*value) : left_out();
}

Node write_name(const std::string& name) {
    return name.empty() ? left_out() : write_text(name);
}

Node write_texts(const std::vector<std::string>& texts) {
    return write_list(texts, write_text);
}

std::string to_yaml(const Node& root) {
    return entries_text(root, 0);
}

}  // namespace ks
