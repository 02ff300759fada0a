// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// A part of one line of a text, with the position where it begins, from 1.
struct Piece {
    std::string_view text;
    unsigned line = 0;
    unsigned column = 0;

    [[nodiscard]] Piece part(std::size_t from, std::size_t count = std::string_view::npos) const;
};

/// Without a byte order mark and carriage returns.
[[nodiscard]] std::vector<Piece> lines_of(std::string_view text);
/// Without blanks around it.
[[nodiscard]] Piece trimmed(const Piece& piece);
/// What stands between any of `separators`, trimmed, without what is empty.
[[nodiscard]] std::vector<Piece> split(const Piece& piece, std::string_view separators);

struct Setting {
    Piece key;
    Piece value;
};
/// "key = value", both trimmed.
[[nodiscard]] std::optional<Setting> setting_of(const Piece& line);
/// NAME of a line "[NAME]".
[[nodiscard]] std::optional<Piece> section_of(const Piece& line);

/// ASCII letters as small ones.
[[nodiscard]] std::string lower_case(std::string_view text);

}  // namespace ks
