// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/log.hpp"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

using namespace ks;

namespace {

/// What log() writes to stderr, which is a pipe meanwhile.
std::string logged(Severity severity, std::string_view key, std::string_view text) {
    std::array<int, 2> ends{-1, -1};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    const Fd reader(ends[0]);
    Fd writer(ends[1]);
    const Fd kept(dup(STDERR_FILENO));
    REQUIRE(dup2(writer.get(), STDERR_FILENO) == STDERR_FILENO);
    log(severity, key, text);
    REQUIRE(dup2(kept.get(), STDERR_FILENO) == STDERR_FILENO);
    std::array<char, 4096> line{};
    const ssize_t got = read(reader.get(), line.data(), line.size());
    return std::string(line.data(), got < 0 ? 0 : static_cast<std::size_t>(got));
}

void leave_journal() {
    unsetenv("JOURNAL_STREAM");
    unsetenv("INVOCATION_ID");
}

}  // namespace

TEST_CASE("a line for people is the key and the text", "[log]") {
    leave_journal();

    CHECK(logged(Severity::error, "commit-failed", "no table") == "commit-failed: no table\n");
}

TEST_CASE("a line for the journal begins with its severity", "[log]") {
    leave_journal();
    const char* const variable = GENERATE("JOURNAL_STREAM", "INVOCATION_ID");
    REQUIRE(setenv(variable, "1:2", 1) == 0);

    CHECK(logged(Severity::warning, "key", "text") == "<4>key: text\n");
    leave_journal();
}

TEST_CASE("control characters and broken UTF-8 are escaped, other text is not", "[log]") {
    leave_journal();
    const auto [text, shown] = GENERATE(table<std::string, std::string>({
        {"two\nlines", "two\\x0alines"},
        {"\x1b[2J", "\\x1b[2J"},
        {std::string("a\0b", 3), "a\\x00b"},
        {"del\x7f", "del\\x7f"},
        {"csi \xc2\x9b"
         "2J",
         "csi \\xc2\\x9b2J"},
        {"\xc2\x80\xc2\x9f", "\\xc2\\x80\\xc2\\x9f"},
        {"\xc2\xa0", "\xc2\xa0"},
        {"raw \x9b"
         "2J",
         "raw \\x9b2J"},
        {"cut \xe2\x82", "cut \\xe2\\x82"},
        {"overlong \xe0\x82\x9b", "overlong \\xe0\\x82\\x9b"},
        {"overlong \xc1\x9b", "overlong \\xc1\\x9b"},
        {"Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x94\x92",
         "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x94\x92"},
    }));

    CHECK(logged(Severity::info, "key", text) == "key: " + shown + "\n");
    CHECK(logged(Severity::info, text, "text") == shown + ": text\n");
}
