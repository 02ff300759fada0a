// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ks {

/// What every terminal has.
inline constexpr std::size_t kScreenColumns = 80;

/// `text` broken at its spaces into lines of at most kScreenColumns, each of them after the first
/// indented by `indent` columns. A word that is longer than a line is cut. Ends in a newline.
///
/// One byte counts as one column, which is never too few.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t indent);

}  // namespace ks
