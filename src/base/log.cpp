// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/log.hpp"

#include "killswitchd/escape.hpp"
#include "killswitchd/journal.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <unistd.h>

namespace ks {

namespace {

bool wants_severity() {
    const bool is_service =
        std::getenv("JOURNAL_STREAM") != nullptr || std::getenv("INVOCATION_ID") != nullptr;
    return is_service && isatty(STDERR_FILENO) == 0;
}

}  // namespace

void log(Severity severity, std::string_view key, std::string_view text,
         const std::vector<LogField>& fields) {
    if (is_journal(STDERR_FILENO, std::getenv("JOURNAL_STREAM")) &&
        send_to_journal(journal_entry(severity, key, text, fields))) {
        return;
    }
    std::string line;
    if (wants_severity()) {
        line = fmt::format("<{}>", static_cast<int>(severity));
    }
    line += escaped(key) + ": " + escaped(text);
    line.push_back('\n');
    // One write, so that lines of several processes do not mix. Where it cannot go, nobody reads.
    while (write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) {
    }
}

}  // namespace ks
