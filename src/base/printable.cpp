// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/printable.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace ks {

namespace {

struct Utf8Form {
    unsigned char lead_mask;
    unsigned char lead_bits;
    std::size_t length;
    char32_t smallest;
};
constexpr std::array<Utf8Form, 4> kUtf8Forms{{
    {0x80, 0x00, 1, 0},
    {0xe0, 0xc0, 2, 0x80},
    {0xf0, 0xe0, 3, 0x800},
    {0xf8, 0xf0, 4, 0x10000},
}};

constexpr std::size_t kMaxQuotedBytes = 80;

bool is_between(char32_t character, char32_t first, char32_t last) noexcept {
    return first <= character && character <= last;
}

}  // namespace

bool is_unshowable(char32_t c) noexcept {
    return c < 0x20 || is_between(c, 0x7f, 0x9f) || c == 0x200b || is_between(c, 0x2028, 0x202e) ||
           is_between(c, 0x2066, 0x2069) || c == 0xfeff;
}

std::optional<char32_t> take_character(std::string_view& rest) noexcept {
    if (rest.empty()) {
        return std::nullopt;
    }
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
    const auto form =
        std::find_if(kUtf8Forms.begin(), kUtf8Forms.end(), [&](const Utf8Form& candidate) {
            return (byte(0) & candidate.lead_mask) == candidate.lead_bits;
        });
    if (form == kUtf8Forms.end() || rest.size() < form->length) {
        return std::nullopt;
    }
    char32_t character = byte(0) & static_cast<unsigned char>(~form->lead_mask);
    for (std::size_t i = 1; i < form->length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80U) {
            return std::nullopt;
        }
        character = (character << 6U) | (byte(i) & 0x3fU);
    }
    if (character < form->smallest || character > 0x10ffff ||
        is_between(character, 0xd800, 0xdfff)) {
        return std::nullopt;
    }
    rest.remove_prefix(form->length);
    return character;
}

std::string printable(std::string_view text) {
    std::string shown;
    shown.reserve(text.size());
    for (std::string_view rest = text; !rest.empty();) {
        const std::string_view before = rest;
        const auto character = take_character(rest);
        if (!character) {
            rest.remove_prefix(1);
        }
        const std::size_t length = before.size() - rest.size();
        if (character == U'\t') {
            shown += ' ';
        } else if (!character || is_unshowable(*character)) {
            shown.append(length, '?');
        } else {
            shown += before.substr(0, length);
        }
    }
    return shown;
}

std::string in_quotes(std::string_view text) {
    if (text.size() <= kMaxQuotedBytes) {
        return fmt::format("'{}'", printable(text));
    }
    std::size_t cut = kMaxQuotedBytes;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0U) == 0x80U) {
        --cut;
    }
    return fmt::format("'{}...'", printable(text.substr(0, cut)));
}

}  // namespace ks
