// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/notifier.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include <fmt/format.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace ks;
using namespace std::chrono_literals;

namespace {

/// One variable of the environment, unset again at the end of a test.
class Variable {
  public:
    Variable(const char* name, const std::string& value) : name_(name) {
        REQUIRE(setenv(name_, value.c_str(), 1) == 0);
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    ~Variable() { unsetenv(name_); }

  private:
    const char* name_;
};

/// The service manager's end of the socket `name`; '@' begins an abstract one.
Fd manager_at(const std::string& name) {
    Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    if (name.front() == '@') {
        address.sun_path[0] = '\0';
    }
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
    return fd;
}

std::string received_by(const Fd& manager) {
    std::array<char, 256> text{};
    const ssize_t got = recv(manager.get(), text.data(), text.size(), 0);
    return got < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(got));
}

}  // namespace

TEST_CASE("a notification reaches the manager by path and by abstract name", "[runtime][notify]") {
    const bool is_abstract = GENERATE(false, true);
    const std::string name = fmt::format("{}ks_notify_{}", is_abstract ? "@" : "/tmp/", getpid());
    const Fd manager = manager_at(name);
    const Variable where("NOTIFY_SOCKET", name);

    const auto sent = Notifier::from_environment().send("READY=1\nSTATUS=locked");

    std::filesystem::remove(name);
    REQUIRE(sent);
    CHECK(received_by(manager) == "READY=1\nSTATUS=locked");
}

TEST_CASE("without a manager a notification does nothing and succeeds", "[runtime][notify]") {
    CHECK(Notifier::from_environment().send("READY=1"));
    const Variable empty("NOTIFY_SOCKET", "");
    CHECK(Notifier::from_environment().send("READY=1"));
}

TEST_CASE("a manager that cannot be reached is an error", "[runtime][notify]") {
    const auto [name, expected] = GENERATE(table<std::string, int>({
        {"/nonexistent/notify", ENOENT},
        {"@ks_nobody_listens_here", ECONNREFUSED},
        {"vsock:2:1234", EAFNOSUPPORT},
        {"/" + std::string(200, 'a'), ENAMETOOLONG},
        {"@", EINVAL},
    }));
    const Variable where("NOTIFY_SOCKET", name);

    const auto sent = Notifier::from_environment().send("READY=1");

    REQUIRE_FALSE(sent);
    CHECK(sent.error().sys_errno == expected);
}

TEST_CASE("the watchdog is fed at half its limit, at least a millisecond", "[runtime][notify]") {
    using Interval = std::optional<std::chrono::milliseconds>;
    const auto [limit_us, interval] = GENERATE(table<std::string, Interval>({
        {"30000000", 15s},
        {"3000", 1ms},
        {"1", 1ms},
        {"0", std::nullopt},
        {"-5", std::nullopt},
        {"", std::nullopt},
        {"12x", std::nullopt},
        {" 12", std::nullopt},
        {"99999999999999999999", std::nullopt},
    }));
    CAPTURE(limit_us);
    const Variable limit("WATCHDOG_USEC", limit_us);

    CHECK(Notifier::from_environment().watchdog_interval() == interval);
}

TEST_CASE("a watchdog that is meant for another process is not fed", "[runtime][notify]") {
    const Variable limit("WATCHDOG_USEC", "2000000");
    REQUIRE(Notifier::from_environment().watchdog_interval() == 1s);
    {
        const Variable own("WATCHDOG_PID", std::to_string(getpid()));
        CHECK(Notifier::from_environment().watchdog_interval() == 1s);
    }
    const auto other = GENERATE(as<std::string>{}, "1", "", "nobody");
    const Variable pid("WATCHDOG_PID", other);

    CHECK_FALSE(Notifier::from_environment().watchdog_interval());
}

TEST_CASE("without a watchdog there is no interval", "[runtime][notify]") {
    CHECK_FALSE(Notifier::from_environment().watchdog_interval());
}
