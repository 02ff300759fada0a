// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "findings.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ks {

/// Removes one UTF-8 character from the front of `rest` and returns it. Overlong forms, surrogates,
/// stray and missing continuation bytes: absent, and `rest` unchanged.
[[nodiscard]] std::optional<char32_t> take_character(std::string_view& rest) noexcept;

/// `text` as it may be shown on a terminal: each control, direction-changing or invalid byte
/// sequence becomes as many '?' as it has bytes, so columns stay; a tab becomes a space.
[[nodiscard]] std::string printable(std::string_view text);

/// `text` in single quotes, printable and shortened, for a message.
[[nodiscard]] std::string in_quotes(std::string_view text);

enum class TextVerdict : std::uint8_t { usable, unusable };

/// Judges the bytes of one file before YAML does: UTF-8, no control characters, no tabs as
/// indentation. Unusable text is reported and must not be parsed.
[[nodiscard]] TextVerdict check_text(std::string_view text, std::size_t file, Findings& findings);

}  // namespace ks
