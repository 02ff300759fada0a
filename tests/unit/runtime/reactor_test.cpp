// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/reactor.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace ks;
using namespace std::chrono_literals;

namespace {

struct Pair {
    Fd ours;
    Fd theirs;

    Pair() {
        std::array<int, 2> ends{-1, -1};
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) ==
                0);
        ours.reset(ends[0]);
        theirs.reset(ends[1]);
    }
    void poke() const { REQUIRE(write(theirs.get(), "x", 1) == 1); }
};

/// Runs until stop(), at the latest for five seconds. \return whether it was stopped by the test.
bool run(Reactor& reactor) {
    bool late = false;
    const auto limit = reactor.after(5s, [&] {
        late = true;
        reactor.stop();
    });
    REQUIRE(reactor.run());
    reactor.cancel(limit);
    return !late;
}

/// The mask of signals that are blocked, as it was before the test.
struct SignalMask {
    sigset_t before{};
    SignalMask() { sigprocmask(SIG_SETMASK, nullptr, &before); }
    SignalMask(const SignalMask&) = delete;
    SignalMask& operator=(const SignalMask&) = delete;
    ~SignalMask() { sigprocmask(SIG_SETMASK, &before, nullptr); }
};

}  // namespace

TEST_CASE("signals arrive through the loop and do not end the process", "[runtime][reactor]") {
    const SignalMask restored;
    auto reactor = *Reactor::open();
    std::vector<int> seen;
    REQUIRE(reactor.on_signals({SIGTERM, SIGHUP}, [&](int signal) {
        seen.push_back(signal);
        if (seen.size() == 2) {
            reactor.stop();
        }
    }));
    REQUIRE(raise(SIGHUP) == 0);
    REQUIRE(raise(SIGTERM) == 0);

    REQUIRE(run(reactor));

    CHECK(seen == std::vector<int>{SIGHUP, SIGTERM});
}

TEST_CASE("a forgotten descriptor calls nobody, also when its number is used again",
          "[runtime][reactor]") {
    auto reactor = *Reactor::open();
    Pair first;
    Pair second;
    std::string called;
    // Both are ready in one turn; the first that runs replaces the other under its number.
    std::optional<Pair> replacement;
    const auto replace = [&](Pair& other) {
        const int number = other.ours.get();
        reactor.forget(number);
        replacement.emplace();
        REQUIRE(dup2(replacement->ours.get(), number) == number);
        REQUIRE(reactor.on_readable(number, [&] { called += "new"; }));
    };
    const auto once = [&](Pair& mine, Pair& other) {
        return [&] {
            called += "old";
            replace(other);
            reactor.forget(mine.ours.get());
            reactor.after(1ms, [&] { reactor.stop(); });
        };
    };
    REQUIRE(reactor.on_readable(first.ours.get(), once(first, second)));
    REQUIRE(reactor.on_readable(second.ours.get(), once(second, first)));
    first.poke();
    second.poke();

    REQUIRE(run(reactor));

    CHECK(called == "old");
}

TEST_CASE("a descriptor under a reused number is watched anew", "[runtime][reactor]") {
    auto reactor = *Reactor::open();
    Pair first;
    const int number = first.ours.get();
    REQUIRE(reactor.on_readable(number, [] { FAIL("the old callback ran"); }));
    first.poke();
    reactor.forget(number);
    const Pair second;
    REQUIRE(dup2(second.ours.get(), number) == number);
    REQUIRE(reactor.on_readable(number, [&] { reactor.stop(); }));
    second.poke();

    CHECK(run(reactor));
}

TEST_CASE("a callback may forget itself and watch again", "[runtime][reactor]") {
    auto reactor = *Reactor::open();
    const Pair pair;
    const int fd = pair.ours.get();
    std::string order;
    REQUIRE(reactor.on_readable(fd, [&, kept = std::string(64, 'k')] {
        reactor.forget(fd);
        REQUIRE(reactor.on_readable(fd, [&] {
            order += 'b';
            reactor.stop();
        }));
        order += kept == std::string(64, 'k') ? 'a' : '?';
    }));
    pair.poke();

    REQUIRE(run(reactor));

    CHECK(order == "ab");
}

TEST_CASE("timers of one moment run in the order of their making", "[runtime][reactor]") {
    auto reactor = *Reactor::open();
    std::string order;
    reactor.after(20ms, [&] {
        order += 'd';
        reactor.stop();
    });
    for (const char letter : {'a', 'b', 'c'}) {
        reactor.after(0ms, [&order, letter] { order += letter; });
    }

    REQUIRE(run(reactor));

    CHECK(order == "abcd");
}

TEST_CASE("a callback may cancel a timer that is due in the same turn", "[runtime][reactor]") {
    auto reactor = *Reactor::open();
    std::string order;
    Reactor::TimerId own = 0;
    Reactor::TimerId victim = 0;
    own = reactor.after(0ms, [&] {
        order += 'a';
        reactor.cancel(victim);
        reactor.cancel(own);
    });
    victim = reactor.after(0ms, [&] { order += 'x'; });
    reactor.after(0ms, [&] {
        order += 'b';
        reactor.stop();
    });

    REQUIRE(run(reactor));

    CHECK(order == "ab");
}

TEST_CASE("a timer that renews itself at once does not starve a descriptor", "[runtime][reactor]") {
    auto reactor = *Reactor::open();
    const Pair pair;
    std::function<void()> again = [&] { reactor.after(0ms, again); };
    again();
    REQUIRE(reactor.on_readable(pair.ours.get(), [&] { reactor.stop(); }));
    pair.poke();

    CHECK(run(reactor));
}

TEST_CASE("a delay without end is never and one below zero is now", "[runtime][reactor]") {
    auto reactor = *Reactor::open();
    reactor.after(std::chrono::milliseconds::max(), [] { FAIL("never came"); });
    reactor.after(std::chrono::milliseconds::min(), [&] { reactor.stop(); });

    CHECK(run(reactor));
}

TEST_CASE("on_hangup ignores input and sees the end of both directions", "[runtime][reactor]") {
    auto reactor = *Reactor::open();
    Pair pair;
    bool closed = false;
    REQUIRE(reactor.on_hangup(pair.ours.get(), [&] {
        CHECK(closed);
        reactor.forget(pair.ours.get());
        reactor.stop();
    }));
    pair.poke();
    reactor.after(5ms, [&] {
        closed = true;
        pair.theirs.reset();
    });

    CHECK(run(reactor));
}

TEST_CASE("writability is reported while somebody asks for it", "[runtime][reactor]") {
    auto reactor = *Reactor::open();
    const Pair pair;
    const int fd = pair.ours.get();
    int calls = 0;
    REQUIRE_FALSE(reactor.on_writable(fd, [] {}));
    REQUIRE(reactor.on_hangup(fd, [] {}));
    REQUIRE(reactor.on_writable(fd, [&] {
        if (++calls == 2) {
            REQUIRE(reactor.on_writable(fd, {}));
            reactor.after(5ms, [&] { reactor.stop(); });
        }
    }));

    REQUIRE(run(reactor));

    CHECK(calls == 2);
}

TEST_CASE("a descriptor that epoll refuses is an error", "[runtime][reactor]") {
    auto reactor = *Reactor::open();
    const Fd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));

    const auto closed = reactor.on_readable(1'000'000, [] {});
    const auto regular = reactor.on_readable(file.get(), [] {});

    REQUIRE_FALSE(closed);
    CHECK(closed.error().sys_errno == EBADF);
    REQUIRE_FALSE(regular);
    CHECK(regular.error().sys_errno == EPERM);
}
