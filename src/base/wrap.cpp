// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/wrap.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace ks {

std::string wrapped(std::string_view text, std::size_t indent) {
    std::string lines;
    std::size_t room = kScreenColumns;
    while (text.size() > room) {
        // A space in column 81 is as good as one before.
        std::size_t end = text.rfind(' ', room);
        const std::size_t first_word = text.find_first_not_of(' ');
        if (end == std::string_view::npos || end < first_word) {
            end = room;
            while (end > 1 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) {
                --end;  // Inside a character of UTF-8.
            }
        }
        lines += std::string(text.substr(0, end)) + "\n" + std::string(indent, ' ');
        text.remove_prefix(end < text.size() && text[end] == ' ' ? end + 1 : end);
        room = kScreenColumns - indent;
    }
    return lines + std::string(text) + "\n";
}

}  // namespace ks
