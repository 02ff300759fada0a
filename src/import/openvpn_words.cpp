// SPDX-License-Identifier: GPL-2.0-or-later
#include "openvpn_words.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ks {

namespace {

/// The word that begins at `from`, which is no blank; `from` is then after it.
Word take_word(const Piece& line, std::size_t& from) {
    constexpr std::string_view kBlanks = " \t\f\v\r";
    const std::string_view text = line.text;
    const std::size_t begin = from;
    const char quote = text[from] == '"' || text[from] == '\'' ? text[from] : '\0';
    Word word;
    for (from += quote == '\0' ? 0 : 1; from < text.size(); ++from) {
        const char c = text[from];
        const bool ends = quote == '\0' ? kBlanks.find(c) != std::string_view::npos : c == quote;
        if (ends) {
            from += quote == '\0' ? 0 : 1;
            break;
        }
        if (c == '\\' && quote != '\'' && from + 1 < text.size()) {
            ++from;
        }
        word.text += text[from];
    }
    word.at = line.part(begin, from - begin);
    return word;
}

}  // namespace

std::vector<Word> words_of(const Piece& line) {
    std::vector<Word> words;
    for (std::size_t from = 0;;) {
        from = line.text.find_first_not_of(" \t\f\v\r", from);
        if (from == std::string_view::npos || line.text[from] == '#' || line.text[from] == ';') {
            return words;
        }
        words.push_back(take_word(line, from));
    }
}

}  // namespace ks
