// SPDX-License-Identifier: GPL-2.0-or-later
#include "readers.hpp"

#include "killswitchd/nearest.hpp"
#include "killswitchd/printable.hpp"
#include "values.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::size_t kMaxInterfaces = 64;

struct KindWords {
    std::string_view name;
    const char* hint;
};

KindWords words_of(Node::Kind kind) {
    switch (kind) {
    case Node::Kind::scalar:
        return {"a single value", ""};
    case Node::Kind::list:
        return {"a list", "write '- ' before each item, or [ ] around them"};
    case Node::Kind::map:
        return {"a mapping", "write KEY: VALUE lines, indented below it"};
    case Node::Kind::null:
    case Node::Kind::refused:
        break;
    }
    return {"nothing", ""};
}

}  // namespace

bool expect(Context& context, const Node& node, Node::Kind kind, std::string_view what) {
    if (node.kind == kind) {
        return true;
    }
    if (node.kind == Node::Kind::null) {
        context.findings.error(node.at, fmt::format("{} has no value", what),
                               "give it one, or remove the line");
    } else if (node.kind != Node::Kind::refused) {
        context.findings.error(node.at,
                               fmt::format("{} must be {}, not {}", what, words_of(kind).name,
                                           words_of(node.kind).name),
                               words_of(kind).hint);
    }
    return false;
}

std::optional<bool> read_flag(Context& context, const Node& node, std::string_view what) {
    if (!expect(context, node, Node::Kind::scalar, what)) {
        return std::nullopt;
    }
    const bool truth = node.text == "true";
    if (!truth && node.text != "false") {
        context.findings.error(
            node.at, fmt::format("{} {} is not true or false", what, in_quotes(node.text)),
            "write true or false; yes, no, on, off and numbers are not accepted");
        return std::nullopt;
    }
    if (node.quoting == Node::Quoting::quoted) {
        context.findings.error(node.at,
                               fmt::format("{} is text in quotes, not true or false", what),
                               fmt::format("write {} without quotes", node.text));
        return std::nullopt;
    }
    return truth;
}

void set_flag(Context& context, const Node& node, std::string_view what, bool& value) {
    value = read_flag(context, node, what).value_or(value);
}

std::optional<std::uint32_t> read_account(Context& context, const Node& node, std::string_view what,
                                          const AccountLookup& lookup) {
    return expect(context, node, Node::Kind::scalar, what)
               ? to_account(context, node, node.text, what, lookup)
               : std::nullopt;
}

std::optional<std::uint32_t> to_account(Context& context, const Node& node, const std::string& text,
                                        std::string_view what, const AccountLookup& lookup) {
    // The largest number means "no change" to chown(2) and setresuid(2): nobody has it.
    constexpr std::uint32_t kMaxId = std::numeric_limits<std::uint32_t>::max() - 1;
    if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) {
        const auto number = parse_decimal(text, kMaxId);
        if (!number) {
            context.findings.error(node.at, fmt::format("{} {}", what, number.error().what),
                                   "write a plain decimal number");
            return std::nullopt;
        }
        return *number;
    }
    const auto id = text.empty() || !lookup ? std::nullopt : lookup(text);
    if (!id) {
        context.findings.unknown_name(node.at,
                                      fmt::format("{} {} is not known here", what, in_quotes(text)),
                                      fmt::format("create the {}, or write its number", what));
    }
    return id;
}

/// Source: systemd.exec(5), ProtectHome=; systemd/sandbox.conf.
void warn_if_hidden(Context& context, const Node& node, std::string_view what,
                    const std::string& path) {
    constexpr std::array<std::string_view, 3> kHidden{"/home", "/root", "/run/user"};
    const bool hidden = std::ranges::any_of(kHidden, [&](std::string_view directory) {
        return path.starts_with(fmt::format("{}/", directory));
    });
    if (hidden) {
        context.findings.warning(
            node.at,
            fmt::format("{} {}: the service of systemd cannot read files of users", what,
                        in_quotes(path)),
            "move it to /etc, as root's");
    }
}

std::optional<std::uint32_t> read_user(Context& context, const Node& node) {
    return read_account(context, node, "user", context.names.uid);
}

std::optional<std::uint32_t> read_group(Context& context, const Node& node) {
    return read_account(context, node, "group", context.names.gid);
}

std::optional<std::string> read_cgroup(Context& context, const Node& node) {
    return read_value(context, node, "cgroup", parse_cgroup,
                      "write a path such as system.slice/openvpn.service");
}

std::optional<std::string> read_interface(Context& context, const Node& node, std::string_view what,
                                          const char* hint) {
    constexpr std::string_view kGroup = "group:";
    if (node.kind != Node::Kind::scalar || !node.text.starts_with(kGroup)) {
        return read_value(context, node, what, parse_interface, hint);
    }
    const auto group = to_account(context, node, node.text.substr(kGroup.size()), "interface group",
                                  context.names.interface_group);
    if (group == 0U) {
        context.findings.error(node.at, "interface group 0 is that of all that are in no other",
                               "put the interface into a group: ip link set NAME group 7");
        return std::nullopt;
    }
    return group ? std::optional(fmt::format("{}{}", kGroup, *group)) : std::nullopt;
}

std::vector<std::string> read_interfaces(Context& context, const Node& node, std::string_view what,
                                         Empty empty) {
    return read_list(context, node, what, empty, kMaxInterfaces, [](Context& c, const Node& item) {
        return read_interface(c, item, "an interface",
                              "write an interface name, or a pattern such as veth*");
    });
}

void report_unknown(Context& context, const Place& at, std::string_view what,
                    const std::string& word, const std::vector<std::string>& accepted) {
    const auto guess = nearest(word, accepted);
    context.findings.error(
        at,
        guess ? fmt::format("unknown {} {}; did you mean '{}'?", what, in_quotes(word), *guess)
              : fmt::format("unknown {} {}", what, in_quotes(word)),
        fmt::format("accepted: {}", fmt::join(accepted, ", ")));
}

void report_empty_list(Context& context, const Node& node, std::string_view what) {
    context.findings.error(node.at, fmt::format("{} is an empty list", what),
                           "write at least one item, or remove the key");
}

void report_long_list(Context& context, const Node& item, std::string_view what, std::size_t most) {
    context.findings.error(item.at, fmt::format("{} has more than {} items", what, most),
                           "remove some");
}

void report_repeated(Context& context, const Node& item, std::string_view what) {
    context.findings.error(item.at,
                           fmt::format("{} is given twice in {}", in_quotes(item.text), what),
                           "keep one of the two");
}

}  // namespace ks
