// SPDX-License-Identifier: GPL-2.0-or-later
#include "piece.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

Piece Piece::part(std::size_t from, std::size_t count) const {
    const std::size_t begin = std::min(from, text.size());
    return {text.substr(begin, count), line, column + static_cast<unsigned>(begin)};
}

std::vector<Piece> lines_of(std::string_view text) {
    std::vector<Piece> lines;
    text.remove_prefix(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
    for (unsigned number = 1; !text.empty(); ++number) {
        const std::string_view row = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), row.size() + 1));
        const std::size_t end = row.ends_with('\r') ? row.size() - 1 : row.size();
        lines.push_back({row.substr(0, end), number, 1});
    }
    return lines;
}

Piece trimmed(const Piece& piece) {
    const auto first = piece.text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) {
        return piece.part(piece.text.size());
    }
    return piece.part(first, piece.text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<Piece> split(const Piece& piece, std::string_view separators) {
    std::vector<Piece> parts;
    for (std::size_t from = 0; from <= piece.text.size();) {
        const std::size_t end =
            std::min(piece.text.find_first_of(separators, from), piece.text.size());
        if (const Piece part = trimmed(piece.part(from, end - from)); !part.text.empty()) {
            parts.push_back(part);
        }
        from = end + 1;
    }
    return parts;
}

std::optional<Setting> setting_of(const Piece& line) {
    const auto equals = line.text.find('=');
    if (equals == std::string_view::npos) {
        return std::nullopt;
    }
    return Setting{trimmed(line.part(0, equals)), trimmed(line.part(equals + 1))};
}

std::optional<Piece> section_of(const Piece& line) {
    const Piece row = trimmed(line);
    if (!row.text.starts_with('[') || !row.text.ends_with(']') || row.text.size() < 2) {
        return std::nullopt;
    }
    return trimmed(row.part(1, row.text.size() - 2));
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return lower;
}

}  // namespace ks
