// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/log.hpp"

#include <cerrno>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include <unistd.h>

namespace ks {

namespace {

bool goes_to_journal() {
    const bool is_service =
        std::getenv("JOURNAL_STREAM") != nullptr || std::getenv("INVOCATION_ID") != nullptr;
    return is_service && isatty(STDERR_FILENO) == 0;
}

void append_escaped(std::string& line, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            line += fmt::format("\\x{:02x}", byte);
        } else {
            line.push_back(c);
        }
    }
}

}  // namespace

void log(Severity severity, std::string_view key, std::string_view text) {
    std::string line;
    if (goes_to_journal()) {
        line = fmt::format("<{}>", static_cast<int>(severity));
    }
    append_escaped(line, key);
    line += ": ";
    append_escaped(line, text);
    line.push_back('\n');
    // One write, so that lines of several processes do not mix. Where it cannot go, nobody reads.
    while (write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) {
    }
}

}  // namespace ks
