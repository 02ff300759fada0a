// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "piece.hpp"

#include <string>
#include <vector>

namespace ks {

/// A word without its quotes, and where it stands.
struct Word {
    std::string text;
    Piece at;
};

/// The words of one line as OpenVPN reads them: quotes, backslashes, and comments, which begin only
/// where a word does. A quote without an end ends with the line.
/// Source: openvpn(8), "parse_line" of OpenVPN 2.6.
[[nodiscard]] std::vector<Word> words_of(const Piece& line);

}  // namespace ks
