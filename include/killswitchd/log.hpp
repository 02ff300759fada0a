// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// Numbers of syslog(3).
enum class Severity : std::uint8_t { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// What the journal keeps beside the text: a name in capitals, such as "KILLSWITCHD_STATE".
struct LogField {
    std::string_view name;
    std::string value;
};

/// Writes one line "key: text" to stderr. Control characters (C0, DEL and C1) and bytes that are no
/// UTF-8 are escaped as \xNN, so that no text can move a terminal's cursor or begin a line.
///
/// Where stderr is the journal, the entry goes to it directly, with `fields`; see journal_entry().
/// Otherwise, with $JOURNAL_STREAM or $INVOCATION_ID and no terminal, the line begins with "<N>".
/// Sessions pass these variables on to shells, hence the terminal.
///
/// \param key  Stable event key listed in killswitchd(8), such as "commit-failed".
/// Source: sd-daemon(3), systemd.exec(5).
void log(Severity severity, std::string_view key, std::string_view text,
         const std::vector<LogField>& fields = {});

}  // namespace ks
