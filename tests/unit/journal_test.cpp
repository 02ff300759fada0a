// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/journal.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

using namespace ks;

namespace {

/// A socket that stands in for the journal's.
struct Journal {
    std::string directory = "/tmp/killswitchd-journal-XXXXXX";
    std::string path;
    Fd socket;

    Journal() {
        REQUIRE(::mkdtemp(directory.data()) != nullptr);
        path = directory + "/socket";
        socket = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, path.size());
        REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);
    }

    ~Journal() { std::filesystem::remove_all(directory); }

    [[nodiscard]] std::string received() const {
        std::array<char, 4096> bytes{};
        const ssize_t got = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
        return {bytes.data(), got < 0 ? 0 : static_cast<std::size_t>(got)};
    }
};

}  // namespace

TEST_CASE("an entry of the journal has its text, its event and its fields", "[journal]") {
    CHECK(journal_entry(Severity::notice, "state-change", "protected: wg0",
                        {{"KILLSWITCHD_STATE", "protected"},
                         {"KILLSWITCHD_TUNNEL", "wg0"},
                         {"KILLSWITCHD_TUNNEL", "wg1"}}) ==
          fmt::format("MESSAGE=state-change: protected: wg0\nPRIORITY=5\n"
                      "SYSLOG_IDENTIFIER=killswitchd\nMESSAGE_ID={}\n"
                      "KILLSWITCHD_EVENT=state-change\nKILLSWITCHD_STATE=protected\n"
                      "KILLSWITCHD_TUNNEL=wg0\nKILLSWITCHD_TUNNEL=wg1\n",
                      message_id("state-change")));
}

TEST_CASE("no value can begin a field of its own", "[journal]") {
    const std::string entry = journal_entry(Severity::error, "intent", "by a\n_UID=0",
                                            {{"KILLSWITCHD_TUNNEL", "wg0\nPRIORITY=7"}});

    CHECK(std::count(entry.begin(), entry.end(), '\n') == 6);
    CHECK(entry.find("\n_UID") == std::string::npos);
    CHECK(entry.find("wg0\\x0aPRIORITY=7\n") != std::string::npos);
}

TEST_CASE("an event has an id of its own that stays", "[journal]") {
    CHECK(message_id("state-change") == message_id("state-change"));
    CHECK(message_id("state-change") != message_id("commit-failed"));
    CHECK(message_id("state-change").size() == 32);
    CHECK(message_id("state-change").find_first_not_of("0123456789abcdef") == std::string::npos);
}

TEST_CASE("the catalog explains events by their ids", "[journal]") {
    const char* const path = std::getenv("KS_CATALOG");
    if (path == nullptr) {
        WARN("KS_CATALOG is not set");
        return;
    }
    std::ifstream catalog(path);
    int explained = 0;
    for (std::string key, id; std::getline(catalog, key);) {
        if (key.starts_with("# ") && std::getline(catalog, id) && id.starts_with("-- ")) {
            CHECK(id == "-- " + message_id(key.substr(2)));
            ++explained;
        }
    }
    CHECK(explained >= 20);
}

TEST_CASE("an entry is one datagram, and a journal that is not there is an error", "[journal]") {
    const Journal journal;

    REQUIRE(send_to_journal("MESSAGE=a\nPRIORITY=5\n", journal.path));
    CHECK(journal.received() == "MESSAGE=a\nPRIORITY=5\n");

    const Status lost = send_to_journal("MESSAGE=a\n", journal.directory + "/none");
    REQUIRE_FALSE(lost);
    CHECK(lost.error().sys_errno == ENOENT);
    CHECK_FALSE(send_to_journal("MESSAGE=a\n", std::string(200, 'x')));
}

TEST_CASE("a journal that does not keep up is not waited for", "[journal]") {
    const Journal journal;
    Status sent = Done{};
    for (int i = 0; sent && i < 100'000; ++i) {
        sent = send_to_journal("MESSAGE=a\n", journal.path);
    }
    REQUIRE_FALSE(sent);
    CHECK(sent.error().sys_errno == EAGAIN);
}

TEST_CASE("only the stream that the variable names is the journal", "[journal]") {
    std::array<int, 2> ends{-1, -1};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    const Fd reader(ends[0]);
    const Fd writer(ends[1]);
    struct stat status {};
    REQUIRE(fstat(writer.get(), &status) == 0);

    CHECK(is_journal(writer.get(), fmt::format("{}:{}", status.st_dev, status.st_ino).c_str()));
    CHECK_FALSE(is_journal(writer.get(), nullptr));
    CHECK_FALSE(is_journal(writer.get(), ""));
    CHECK_FALSE(is_journal(writer.get(), "1:2"));
    CHECK_FALSE(is_journal(-1, "1:2"));
}
