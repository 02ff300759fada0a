// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/log.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ks {

// The journal's own protocol, without its library. Source: systemd.io/JOURNAL_NATIVE_PROTOCOL.

inline constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

/// What the catalog of the journal knows an event by: 32 hex digits, made from its key alone.
[[nodiscard]] std::string message_id(std::string_view key);

/// One entry: MESSAGE ("key: text"), PRIORITY, SYSLOG_IDENTIFIER, MESSAGE_ID, KILLSWITCHD_EVENT,
/// and `fields`, which may repeat a name. Everything is escaped as log() says, so no value can
/// begin a field.
[[nodiscard]] std::string journal_entry(Severity severity, std::string_view key,
                                        std::string_view text, const std::vector<LogField>& fields);

/// Whether `fd` is what $JOURNAL_STREAM ("DEVICE:INODE", may be null) says of the journal.
/// Source: systemd.exec(5).
[[nodiscard]] bool is_journal(int fd, const char* journal_stream) noexcept;

/// Never blocks. \return EAGAIN when the journal does not keep up, or the errno of sendto(2).
[[nodiscard]] Status send_to_journal(const std::string& entry,
                                     const std::string& socket = kJournalSocket);

}  // namespace ks
