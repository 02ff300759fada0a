// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ks {

/// Control characters, line separators, byte order marks, and what makes text read differently
/// from how it is parsed. Joiners and marks that some scripts need are fine.
[[nodiscard]] bool is_unshowable(char32_t character) noexcept;

/// Removes one UTF-8 character from the front of `rest` and returns it. Overlong forms, surrogates,
/// stray and missing continuation bytes: absent, and `rest` unchanged.
[[nodiscard]] std::optional<char32_t> take_character(std::string_view& rest) noexcept;

/// `text` as it may be shown on a terminal: each control, direction-changing or invalid byte
/// sequence becomes as many '?' as it has bytes, so columns stay; a tab becomes a space.
[[nodiscard]] std::string printable(std::string_view text);

/// `text` in single quotes, printable and shortened, for a message.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace ks
