// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
};

/// "FILE:LINE:COL: error: message", the source line, a caret, the hint. Several lines, ends in
/// '\n'.
[[nodiscard]] std::string render(const Diagnostic& diagnostic);

/// Names of users and groups to numbers; replaceable so that parsing stays a function of values.
struct NameLookup {
    std::function<std::optional<std::uint32_t>(const std::string&)> uid;
    std::function<std::optional<std::uint32_t>(const std::string&)> gid;
};
/// getpwnam(3) and getgrnam(3).
[[nodiscard]] NameLookup system_names();

/// One config file, already read.
struct ConfigText {
    std::string file;  ///< As shown in diagnostics.
    std::string text;
};

struct LoadedConfig {
    std::optional<Policy> policy;  ///< Present exactly when no diagnostic is an error.
    std::vector<Diagnostic> diagnostics;
    std::vector<std::string> files;  ///< In the order they were merged.
    std::string hash;                ///< 16 hex digits over names and contents, for `status`.

    [[nodiscard]] bool ok() const noexcept { return policy.has_value(); }
};

/// Merges the texts in order (maps merge, lists append, scalars override) and validates the result.
/// Pure but for `names`. Every error of every text is reported, none twice.
[[nodiscard]] LoadedConfig parse_config(const std::vector<ConfigText>& texts,
                                        const NameLookup& names);

inline constexpr std::size_t kMaxConfigBytes = 256UL * 1024;

/// Reads `main_file` and, when it is called killswitchd.yaml, conf.d/*.yaml beside it in name
/// order.
///
/// Each file is opened once and judged on the descriptor: regular, owned by root (or by the
/// caller's effective user), not writable by group or others, at most kMaxConfigBytes, valid UTF-8.
/// What fails becomes a diagnostic with line 0 whose message names the errno.
[[nodiscard]] LoadedConfig load_config(const std::string& main_file);

/// The candidate nearest to `word`, when it is near enough to be a likely slip of the fingers.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 const std::vector<std::string>& candidates);

}  // namespace ks
