// SPDX-License-Identifier: GPL-2.0-or-later
#include "text.hpp"

#include "killswitchd/printable.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace ks {

namespace {

struct Position {
    unsigned line = 1;
    unsigned column = 1;
};

/// First byte that no config file may hold: its position, what it is, and what to do.
struct BadByte {
    Position at;
    std::string message;
    std::string hint;
};

BadByte describe(std::optional<char32_t> character, std::string_view rest, Position at) {
    if (!character) {
        return {at,
                fmt::format("byte 0x{:02x} is not valid UTF-8",
                            static_cast<unsigned char>(rest.front())),
                "save the file as UTF-8"};
    }
    switch (*character) {
    case 0:
        return {at, "NUL byte: this is not a text file", "restore the file"};
    case 0xfeff:
        return {at, "byte order mark (U+FEFF)", "save the file as UTF-8 without one"};
    case '\r':
        return {at, "carriage return without a line feed", "save the file with Unix line ends"};
    default:
        return {at,
                fmt::format("invisible character U+{:04X}", static_cast<std::uint32_t>(*character)),
                "remove it"};
    }
}

std::optional<BadByte> find_bad_byte(std::string_view text) {
    Position at;
    for (std::string_view rest = text; !rest.empty();) {
        const std::string_view before = rest;
        const auto character = take_character(rest);
        const bool line_end = before.front() == '\n' || before.substr(0, 2) == "\r\n";
        if (!line_end && before.front() != '\t' && (!character || is_unshowable(*character))) {
            return describe(character, before, at);
        }
        at.column += static_cast<unsigned>(before.size() - rest.size());
        if (before.front() == '\n') {
            at = {at.line + 1, 1};
        }
    }
    return std::nullopt;
}

TextVerdict check_indentation(std::string_view text, std::size_t file, Findings& findings) {
    TextVerdict verdict = TextVerdict::usable;
    for (unsigned line = 1; !text.empty(); ++line) {
        const std::string_view row = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), row.size() + 1));
        const auto content = row.find_first_not_of(" \t\r");
        const auto tab = row.find('\t');
        if (tab < content) {
            verdict = TextVerdict::unusable;
            findings.error({file, line, static_cast<unsigned>(tab + 1)},
                           "tabs are not allowed for indentation", "indent with spaces");
        }
    }
    return verdict;
}

}  // namespace

TextVerdict check_text(std::string_view text, std::size_t file, Findings& findings) {
    if (auto bad = find_bad_byte(text)) {
        findings.error({file, bad->at.line, bad->at.column}, std::move(bad->message),
                       std::move(bad->hint));
        return TextVerdict::unusable;
    }
    return check_indentation(text, file, findings);
}

}  // namespace ks
