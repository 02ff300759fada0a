// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/diagnostic.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace ks {

namespace {

/// Columns count bytes, a terminal counts characters.
std::size_t characters_before(std::string_view line, unsigned column) {
    const std::string_view before = line.substr(0, column - 1);
    const auto inside = std::count_if(before.begin(), before.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
    });
    return column - 1 - static_cast<std::size_t>(inside);
}

}  // namespace

std::string render(const Diagnostic& diagnostic) {
    const char* const severity =
        diagnostic.severity == Diagnostic::Severity::error ? "error" : "warning";
    std::string out =
        diagnostic.line == 0
            ? fmt::format("{}: {}: {}\n", diagnostic.file, severity, diagnostic.message)
            : fmt::format("{}:{}:{}: {}: {}\n", diagnostic.file, diagnostic.line, diagnostic.column,
                          severity, diagnostic.message);
    if (!diagnostic.source.empty() && diagnostic.column != 0) {
        const std::size_t indent = characters_before(diagnostic.source, diagnostic.column);
        out += fmt::format("  {}\n  {:{}}^\n", diagnostic.source, "", indent);
    }
    if (!diagnostic.hint.empty()) {
        out += fmt::format("  hint: {}\n", diagnostic.hint);
    }
    return out;
}

}  // namespace ks
