// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/escape.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

namespace ks {

namespace {

/// Length of the control character that `text` begins with; 0 when it begins with another.
std::size_t control_length(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    if (byte(0) < 0x20 || byte(0) == 0x7f) {
        return 1;
    }
    // U+0080..U+009F in UTF-8: terminals that know C1 take U+009B for the start of a sequence.
    const bool is_c1 = text.size() > 1 && byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f;
    return is_c1 ? 2 : 0;
}

/// Length of the UTF-8 character that `text` begins with; 0 when it is none.
std::size_t character_length(std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xc2 && first < 0xe0 ? 2
                               : first >= 0xe0 && first < 0xf0 ? 3
                               : first >= 0xf0 && first < 0xf5 ? 4
                                                               : 0;
    const auto tail = text.substr(0, length).substr(std::min<std::size_t>(length, 1));
    const bool is_whole =
        text.size() >= length && std::all_of(tail.begin(), tail.end(), [](char c) {
            return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
        });
    const auto second = tail.empty() ? 0U : static_cast<unsigned char>(tail.front());
    const bool is_overlong = (first == 0xe0 && second < 0xa0U) || (first == 0xf0 && second < 0x90U);
    return is_whole && !is_overlong ? length : 0;
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string line;
    while (!text.empty()) {
        const std::size_t plain = control_length(text) == 0 ? character_length(text) : 0;
        const std::size_t odd = plain > 0 ? 0 : std::max<std::size_t>(control_length(text), 1);
        line += text.substr(0, plain);
        for (const char c : text.substr(0, odd)) {
            line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }
        text.remove_prefix(plain + odd);
    }
    return line;
}

}  // namespace ks
