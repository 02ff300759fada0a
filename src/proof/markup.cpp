// SPDX-License-Identifier: GPL-2.0-or-later
#include "markup.hpp"

#include "killswitchd/printable.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace ks::proof {

namespace {

std::string line(std::string_view text) {
    std::string safe;
    for (const char character : printable(text)) {
        switch (character) {
        case '&':
            safe += "&amp;";
            break;
        case '<':
            safe += "&lt;";
            break;
        case '>':
            safe += "&gt;";
            break;
        case '"':
            safe += "&quot;";
            break;
        case '\'':
            safe += "&#39;";
            break;
        default:
            safe += character;
        }
    }
    return safe;
}

}  // namespace

std::string marked_up(std::string_view text) {
    std::string all;
    for (;;) {
        const std::size_t end = text.find('\n');
        all += line(text.substr(0, end));
        if (end == std::string_view::npos) {
            return all;
        }
        all += '\n';
        text.remove_prefix(end + 1);
    }
}

}  // namespace ks::proof
