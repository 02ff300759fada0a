// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/config.hpp"
#include "report.hpp"
#include "tree.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ks {

/// Whether all files are in the tree, so that what is not there is missing.
enum class Coverage : std::uint8_t { part, whole };

/// What every reader needs. Readers report problems at the value's place and return nothing then.
struct Context {
    Report& report;
    const NameLookup& names;
    Coverage coverage = Coverage::whole;
};

/// Whether `node` is of that kind; if not, that is reported. `what` names the value.
[[nodiscard]] bool expect(Context& context, const Node& node, Node::Kind kind,
                          std::string_view what);

/// Plain `true` or `false` and nothing else.
std::optional<bool> read_flag(Context& context, const Node& node, std::string_view what);

/// Reports that what stands at `node` is part of the language, but not of this version.
void refuse_unsupported(Context& context, const Node& node, std::string_view what);
/// Reads a flag of which only `false` is supported.
void read_unsupported_flag(Context& context, const Node& node, std::string_view what);

/// A user or group: a number, or a name that `lookup` knows. `what` is "user" or "group".
using AccountLookup = std::function<std::optional<std::uint32_t>(const std::string&)>;
std::optional<std::uint32_t> read_account(Context& context, const Node& node, std::string_view what,
                                          const AccountLookup& lookup);
std::optional<std::uint32_t> to_account(Context& context, const Node& node, const std::string& text,
                                        std::string_view what, const AccountLookup& lookup);

void report_unknown(Context& context, const Place& at, std::string_view what,
                    const std::string& word, const std::vector<std::string>& accepted);

/// Reads a scalar through a parser of text.
template <class T>
std::optional<T> read_value(Context& context, const Node& node, std::string_view what,
                            Result<T> (*parse)(std::string_view), const char* hint) {
    if (!expect(context, node, Node::Kind::scalar, what)) {
        return std::nullopt;
    }
    auto value = parse(node.text);
    if (!value) {
        context.report.error(node.at, value.error().what, hint);
        return std::nullopt;
    }
    return *std::move(value);
}

template <class T>
struct Word {
    std::string_view text;
    T value;
};

/// Reads one of a few words.
template <class T, std::size_t N>
std::optional<T> read_word(Context& context, const Node& node, std::string_view what,
                           const std::array<Word<T>, N>& words) {
    if (!expect(context, node, Node::Kind::scalar, what)) {
        return std::nullopt;
    }
    std::vector<std::string> accepted;
    for (const Word<T>& word : words) {
        if (word.text == node.text) {
            return word.value;
        }
        accepted.emplace_back(word.text);
    }
    report_unknown(context, node.at, what, node.text, accepted);
    return std::nullopt;
}

/// One known key of a mapping and the reader of its value.
template <class Target>
struct Key {
    std::string_view name;
    void (*read)(Context&, const Node&, Target&);
};

/// Walks a mapping once against the table of its known keys, so that no other key can hide.
template <class Target, std::size_t N>
void read_map(Context& context, const Node& node, std::string_view what,
              const std::array<Key<Target>, N>& keys, Target& target) {
    if (!expect(context, node, Node::Kind::map, what)) {
        return;
    }
    for (const Entry& entry : node.entries) {
        const auto key = std::find_if(keys.begin(), keys.end(), [&](const Key<Target>& known) {
            return known.name == entry.key;
        });
        if (key != keys.end()) {
            key->read(context, entry.value, target);
            continue;
        }
        std::vector<std::string> accepted;
        std::transform(keys.begin(), keys.end(), std::back_inserter(accepted),
                       [](const Key<Target>& known) { return std::string(known.name); });
        report_unknown(context, entry.at, "key", entry.key, accepted);
    }
}

}  // namespace ks
