// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/inherited.hpp"

#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ks {

namespace {

constexpr int kFirst = 3;

/// Descriptor 3 as systemd would pass it, for the length of a test.
class Passed {
  public:
    explicit Passed(Fd fd) {
        const Fd elsewhere(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirst + 1));
        fd.reset();
        before_.reset(::fcntl(kFirst, F_DUPFD_CLOEXEC, kFirst + 1));
        REQUIRE(::dup2(elsewhere.get(), kFirst) == kFirst);
        ::setenv("LISTEN_FDS", "1", 1);
        ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    }
    ~Passed() {
        ::unsetenv("LISTEN_FDS");
        ::unsetenv("LISTEN_PID");
        if (before_) {
            ::dup2(before_.get(), kFirst);
        } else {
            ::close(kFirst);
        }
    }
    Passed(const Passed&) = delete;
    Passed& operator=(const Passed&) = delete;

  private:
    Fd before_;
};

Fd netlink_socket() {
    return Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
}

bool found() {
    const auto fd = inherited_socket(AF_NETLINK, NETLINK_ROUTE);
    REQUIRE(fd);
    return static_cast<bool>(*fd);
}

}  // namespace

TEST_CASE("a socket that systemd passed is found as often as it is asked for", "[inherited]") {
    CHECK_FALSE(found());
    const Passed passed(netlink_socket());
    CHECK(found());
    CHECK(found());
}

TEST_CASE("a passed socket of another kind is passed over", "[inherited]") {
    const Passed passed(Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    CHECK_FALSE(found());
}

TEST_CASE("sockets that were passed to another process are not ours", "[inherited]") {
    const Passed passed(netlink_socket());
    REQUIRE(found());
    ::setenv("LISTEN_PID", "1", 1);
    CHECK_FALSE(found());
}

TEST_CASE("nonsense in the environment is no socket", "[inherited]") {
    const Passed passed(netlink_socket());
    REQUIRE(found());
    const std::string count = GENERATE("", "0", "-1", "1x", "99999999999999999999", "65");
    ::setenv("LISTEN_FDS", count.c_str(), 1);
    CHECK_FALSE(found());
}

TEST_CASE("passed sockets do not go on to children", "[inherited]") {
    const Passed passed(netlink_socket());
    REQUIRE((::fcntl(kFirst, F_GETFD) & FD_CLOEXEC) == 0);
    CHECK(found());
    CHECK((::fcntl(kFirst, F_GETFD) & FD_CLOEXEC) != 0);
}

}  // namespace ks
