// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "findings.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/error.hpp"
#include "tree.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
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
    Findings& findings;
    const NameLookup& names;
    Coverage coverage = Coverage::whole;
};

/// Whether `node` is of that kind; if not, that is reported. `what` names the value.
[[nodiscard]] bool expect(Context& context, const Node& node, Node::Kind kind,
                          std::string_view what);

/// Plain `true` or `false` and nothing else.
std::optional<bool> read_flag(Context& context, const Node& node, std::string_view what);

/// A user or group: a number, or a name that `lookup` knows. `what` is "user" or "group".
using AccountLookup = std::function<std::optional<std::uint32_t>(const std::string&)>;
std::optional<std::uint32_t> read_account(Context& context, const Node& node, std::string_view what,
                                          const AccountLookup& lookup);
std::optional<std::uint32_t> to_account(Context& context, const Node& node, const std::string& text,
                                        std::string_view what, const AccountLookup& lookup);

void report_unknown(Context& context, const Place& at, std::string_view what,
                    const std::string& word, const std::vector<std::string>& accepted);
void report_empty_list(Context& context, const Node& node, std::string_view what);
void report_long_list(Context& context, const Node& item, std::string_view what, std::size_t most);
void report_repeated(Context& context, const Node& item, std::string_view what);

/// Reads a scalar through a parser of text.
template <class T>
std::optional<T> read_value(Context& context, const Node& node, std::string_view what,
                            Result<T> (*parse)(std::string_view), const char* hint) {
    if (!expect(context, node, Node::Kind::scalar, what)) {
        return std::nullopt;
    }
    auto value = parse(node.text);
    if (!value) {
        context.findings.error(node.at, value.error().what, hint);
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

/// Reads one of a few words into `value`, which keeps its default otherwise.
template <class T, std::size_t N>
void set_word(Context& context, const Node& node, std::string_view what,
              const std::array<Word<T>, N>& words, T& value) {
    value = read_word(context, node, what, words).value_or(value);
}

void set_flag(Context& context, const Node& node, std::string_view what, bool& value);

/// What an empty list means: something that the key's documentation says, or only a mistake.
enum class Empty : std::uint8_t { allowed, refused };

/// Reads at most `most` items through `read`, each value once.
template <class Read>
auto read_list(Context& context, const Node& node, std::string_view what, Empty empty,
               std::size_t most, Read read) {
    std::vector<typename decltype(read(context, node))::value_type> values;
    if (!expect(context, node, Node::Kind::list, what)) {
        return values;
    }
    if (node.items.empty() && empty == Empty::refused) {
        report_empty_list(context, node, what);
    }
    for (const Node& item : node.items) {
        if (&item == node.items.data() + most) {
            report_long_list(context, item, what, most);
            break;
        }
        auto value = read(context, item);
        if (value && std::find(values.begin(), values.end(), *value) != values.end()) {
            report_repeated(context, item, what);
        } else if (value) {
            values.push_back(*std::move(value));
        }
    }
    return values;
}

/// The name of an interface, a pattern, or a group, whose name becomes its number.
std::optional<std::string> read_interface(Context& context, const Node& node, std::string_view what,
                                          const char* hint);
/// Names, patterns and groups of interfaces.
std::vector<std::string> read_interfaces(Context& context, const Node& node, std::string_view what,
                                         Empty empty);

/// Says it where the service would see nothing at `path`.
void warn_if_hidden(Context& context, const Node& node, std::string_view what,
                    const std::string& path);

std::optional<std::uint32_t> read_user(Context& context, const Node& node);
std::optional<std::uint32_t> read_group(Context& context, const Node& node);
std::optional<std::string> read_cgroup(Context& context, const Node& node);

}  // namespace ks
