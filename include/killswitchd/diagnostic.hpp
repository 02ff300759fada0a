// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace ks {

/// One finding about one place of one config file.
struct Diagnostic {
    enum class Severity : std::uint8_t { error, warning } severity = Severity::error;
    std::string file;
    unsigned line = 0;    ///< From 1; 0: the file as a whole (unreadable, too large).
    unsigned column = 0;  ///< From 1, in bytes; 0 with line 0.
    std::string message;
    std::string hint;    ///< What to do; may be empty.
    std::string source;  ///< The text of that line, without control characters; may be empty.
    friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

/// "FILE:LINE:COL: error: message", the source line, a caret, the hint. Several lines, ends in
/// '\n'.
[[nodiscard]] std::string render(const Diagnostic& diagnostic);

}  // namespace ks
