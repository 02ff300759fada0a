// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "findings.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ks {

enum class TextVerdict : std::uint8_t { usable, unusable };

/// Judges the bytes of one file before YAML does: UTF-8, no control characters, no tabs as
/// indentation. Unusable text is reported and must not be parsed.
[[nodiscard]] TextVerdict check_text(std::string_view text, std::size_t file, Findings& findings);

}  // namespace ks
