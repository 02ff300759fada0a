// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "readers.hpp"
#include "writers.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

/// One known key of a mapping. Whoever reads, writes, documents or tests a config goes by these,
/// so there is no key without all of them.
template <class Target>
struct Key {
    using Read = void (*)(Context&, const Node&, Target&);
    using Write = Node (*)(const Target&);
    using Names = std::vector<std::string> (*)();

    /// \param the_write  Writes what `the_read` reads; left_out() for what it takes as not given.
    /// \param the_inner  The keys of the mapping, or of each mapping in the list, that is the
    /// value; an empty one where it can be something else as well.
    constexpr Key(std::string_view the_name, Read the_read, Write the_write,
                  Names the_inner = nullptr)
        : name(the_name), read(the_read), write(the_write), inner(the_inner) {}

    /// A key that is known only to be refused, and is named to nobody who looks for the right one.
    static constexpr Key refused(std::string_view name, Read read) {
        Key key(name, read, [](const Target&) { return left_out(); });
        key.help = Help::hidden;
        return key;
    }

    std::string_view name;
    Read read;
    Write write;
    Names inner;
    enum class Help : std::uint8_t { listed, hidden } help = Help::listed;
};

/// The keys of everything that is narrowed by who sends.
template <class Target>
constexpr Key<Target> kUserKey{
    "user", [](Context& c, const Node& n, Target& target) { target.user = read_user(c, n); },
    [](const Target& target) { return write_number(target.user); }};
template <class Target>
constexpr Key<Target> kGroupKey{
    "group", [](Context& c, const Node& n, Target& target) { target.group = read_group(c, n); },
    [](const Target& target) { return write_number(target.group); }};
template <class Target>
constexpr Key<Target> kCgroupKey{
    "cgroup", [](Context& c, const Node& n, Target& target) { target.cgroup = read_cgroup(c, n); },
    [](const Target& target) { return write_name(target.cgroup.value_or("")); }};

/// Walks a mapping once against the table of its known keys, so that no other key can hide.
template <class Target, std::size_t N>
void read_map(Context& context, const Node& node, std::string_view what,
              const std::array<Key<Target>, N>& keys, Target& target) {
    if (!expect(context, node, Node::Kind::map, what)) {
        return;
    }
    for (const Entry& entry : node.entries) {
        const auto key = std::ranges::find(keys, entry.key, &Key<Target>::name);
        if (key != keys.end()) {
            key->read(context, entry.value, target);
            continue;
        }
        std::vector<std::string> accepted;
        for (const Key<Target>& known : keys) {
            if (known.help == Key<Target>::Help::listed) {
                accepted.emplace_back(known.name);
            }
        }
        report_unknown(context, entry.at, "key", entry.key, accepted);
    }
}

/// The mapping that read_map() reads as `target`; left out when no key has a value.
template <class Target, std::size_t N>
Node write_map(const std::array<Key<Target>, N>& keys, const Target& target) {
    Node map;
    for (const Key<Target>& key : keys) {
        Node value = key.write(target);
        if (value.kind != Node::Kind::null) {
            map.kind = Node::Kind::map;
            map.entries.push_back({std::string(key.name), {}, std::move(value)});
        }
    }
    return map;
}

/// Every key with a value of its own, as a path: "mode", "tunnels.only.user".
template <class Target, std::size_t N>
std::vector<std::string> names_of(const std::array<Key<Target>, N>& keys) {
    std::vector<std::string> names;
    for (const Key<Target>& key : keys) {
        if (key.help == Key<Target>::Help::hidden) {
            continue;
        }
        if (key.inner == nullptr) {
            names.emplace_back(key.name);
            continue;
        }
        for (const std::string& name : key.inner()) {
            names.push_back(fmt::format("{}{}{}", key.name, name.empty() ? "" : ".", name));
        }
    }
    return names;
}

}  // namespace ks
