// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/kernel/nft/batch.hpp"
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/policy.hpp"
#include "support/table.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ks {

namespace {

int shell(const char* command) {
    return std::system(command);
}

/// A network namespace of this test alone, with one link that blocked packets would leave by.
void enter_namespace() {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    REQUIRE(shell("ip link set lo up && ip link add v0 type veth peer name v1 &&"
                  "ip link set v0 up && ip link set v1 up && ip addr add 198.51.100.1/24 dev v0 &&"
                  "ip neigh add 198.51.100.9 lladdr 02:00:00:00:00:09 dev v0") == 0);
}

/// What systemd does for a socket unit with ListenNetlink=netfilter.
Fd netfilter_socket() {
    Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
    sockaddr_nl any{};
    any.nl_family = AF_NETLINK;
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)) == 0);
    return fd;
}

Fd duplicate(const Fd& fd) {
    return Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

Nftables open(Ownership ownership, Fd held = Fd()) {
    auto nftables = Nftables::open(ownership, std::move(held));
    if (!nftables) {
        FAIL(nftables.error().message());
    }
    return *std::move(nftables);
}

bool stands() {
    const auto live = open(Ownership::off).read();
    REQUIRE(live);
    return live->contains(TableFamily::inet);
}

bool hold_stands() {
    const auto holds = open(Ownership::off).fallback_stands();
    REQUIRE(holds);
    return *holds;
}

/// As a kernel without PERSIST would: the table goes away with the last holder of the socket.
void create_without_persist(const Fd& held) {
    auto socket = NftSocket::adopt(duplicate(held));
    REQUIRE(socket);
    const auto generation = read_generation(*socket);
    REQUIRE(generation);
    Batch batch(*socket, *generation);
    batch.create_table(0x2);
    REQUIRE(batch.commit());
}

/// Sends to where the lock refuses, and counts what it let pass while asked to.
class Sender {
  public:
    Sender() : thread_([this] { run(); }) {}
    ~Sender() {
        done_ = true;
        thread_.join();
    }
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    std::atomic<bool> watched = false;
    std::atomic<unsigned> passed = 0;
    std::atomic<unsigned> refused = 0;

  private:
    void run() {
        const Fd fd(::socket(AF_INET, SOCK_DGRAM, 0));
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(9);
        ::inet_pton(AF_INET, "198.51.100.9", &to.sin_addr);
        while (!done_) {
            const bool before = watched;
            const bool sent = ::sendto(fd.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to),
                                       sizeof(to)) == 1;
            if (before && watched) {
                ++(sent ? passed : refused);
            }
        }
    }

    std::atomic<bool> done_ = false;
    std::thread thread_;
};

/// Whether anything has arrived at a socket, even if it was read at once.
class Arrivals {
  public:
    explicit Arrivals(const Fd& held) {
        sigset_t set = only_sigio();
        REQUIRE(::sigprocmask(SIG_BLOCK, &set, nullptr) == 0);
        REQUIRE(::fcntl(held.get(), F_SETOWN, ::getpid()) == 0);
        REQUIRE(::fcntl(held.get(), F_SETFL, O_NONBLOCK | O_ASYNC) == 0);
    }
    [[nodiscard]] bool any() const {
        sigset_t set{};
        ::sigpending(&set);
        return ::sigismember(&set, SIGIO) == 1;
    }

  private:
    static sigset_t only_sigio() {
        sigset_t set{};
        ::sigemptyset(&set);
        ::sigaddset(&set, SIGIO);
        return set;
    }
};

}  // namespace

TEST_CASE("a table without owner falls to a flush by others", "[ownership]") {
    enter_namespace();
    REQUIRE(open(Ownership::off).apply(builtin_lock()));
    REQUIRE(stands());

    REQUIRE(shell("nft flush ruleset") == 0);

    CHECK_FALSE(stands());
}

TEST_CASE("a table made through a held socket outlives its maker and a flush by others",
          "[ownership][fail-closed]") {
    enter_namespace();
    const Fd held = netfilter_socket();
    const pid_t maker = ::fork();
    if (maker == 0) {
        auto nftables = Nftables::open(Ownership::automatic, duplicate(held));
        ::_exit(nftables && nftables->apply(builtin_lock()) ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(maker, &status, 0) == maker);
    REQUIRE(status == 0);

    CHECK(shell("nft flush ruleset") == 0);
    CHECK(shell("nft delete table inet killswitchd 2>/dev/null") != 0);

    REQUIRE(stands());
    auto successor = open(Ownership::automatic, duplicate(held));
    CHECK(successor.read()->at(TableFamily::inet).owner == TableOwner::us);
    CHECK(successor.remove());
    CHECK_FALSE(stands());
}

TEST_CASE("a table that goes away with its owner leaves the fallback table behind",
          "[ownership][fail-closed]") {
    enter_namespace();
    {
        const Fd held = netfilter_socket();
        create_without_persist(held);
    }
    REQUIRE_FALSE(stands());  // Else nothing would have to be held.
    {
        const Fd held = netfilter_socket();
        create_without_persist(held);
        auto nftables = open(Ownership::automatic, duplicate(held));
        REQUIRE(nftables.apply(builtin_lock()));
        REQUIRE_FALSE(hold_stands());
        REQUIRE(nftables.leave(builtin_lock()));
    }
    CHECK_FALSE(stands());
    CHECK(hold_stands());

    REQUIRE(open(Ownership::automatic).apply(builtin_lock()));
    CHECK(stands());
    CHECK_FALSE(hold_stands());
}

TEST_CASE("a visitor does not lift the hold of a table that goes away with its owner",
          "[ownership][fail-closed]") {
    enter_namespace();
    const Fd held = netfilter_socket();
    create_without_persist(held);
    REQUIRE(open(Ownership::automatic, duplicate(held)).apply(builtin_lock()));
    REQUIRE_FALSE(hold_stands());

    auto visitor = open(Ownership::automatic);
    REQUIRE(visitor.leave(builtin_lock()));
    CHECK(visitor.apply(builtin_lock()));
    CHECK(hold_stands());
    CHECK(visitor.remove().error().sys_errno == EPERM);
    CHECK(hold_stands());

    CHECK(open(Ownership::automatic, duplicate(held)).remove());
    CHECK_FALSE(stands());
    CHECK_FALSE(hold_stands());
}

TEST_CASE("what succeeds wakes nobody who watches the held socket", "[ownership][fail-closed]") {
    enter_namespace();
    const Fd held = netfilter_socket();
    const Arrivals arrivals(held);

    auto nftables = open(Ownership::automatic, duplicate(held));
    static_cast<void>(nftables.raw_support());
    REQUIRE(nftables.apply(builtin_lock()));
    REQUIRE(nftables.apply(test::example_rules(StateName::protected_)));
    REQUIRE(nftables.leave(builtin_lock()));
    REQUIRE(nftables.read());
    REQUIRE(nftables.remove());
    CHECK_FALSE(arrivals.any());

    // The control: a refusal is an answer.
    auto socket = NftSocket::adopt(duplicate(held));
    REQUIRE(socket);
    Batch refused(*socket, 0);
    refused.delete_table();
    CHECK_FALSE(refused.commit());
    CHECK(arrivals.any());
}

TEST_CASE("a borrowed socket that is closed at once leaves the fallback table",
          "[ownership][fail-closed]") {
    enter_namespace();
    {
        const Fd held = netfilter_socket();
        create_without_persist(held);
        auto owner = open(Ownership::automatic, duplicate(held));
        REQUIRE(owner.apply(builtin_lock()));
        REQUIRE(owner.leave(builtin_lock()));
        auto borrowed = Nftables::borrow(Ownership::automatic, duplicate(held));
        REQUIRE(borrowed);
        REQUIRE(borrowed->apply(builtin_lock()));
        CHECK(hold_stands());
    }
    CHECK_FALSE(stands());
    CHECK(hold_stands());
}

TEST_CASE("a plain table becomes an owned one and nothing passes meanwhile",
          "[ownership][fail-closed]") {
    enter_namespace();
    const Fd held = netfilter_socket();
    Sender sender;
    constexpr int kRounds = 200;
    for (int round = 0; round < kRounds; ++round) {
        auto nftables = open(Ownership::off, duplicate(held));
        REQUIRE(nftables.apply(builtin_lock()));
        sender.watched = true;
        nftables.prefer(Ownership::automatic);
        REQUIRE(nftables.apply(builtin_lock()));
        sender.watched = false;
        REQUIRE(nftables.read()->at(TableFamily::inet).owner == TableOwner::us);
        REQUIRE(nftables.remove());
    }
    REQUIRE(sender.refused > kRounds);
    const unsigned passed = sender.passed;
    sender.watched = true;
    while (sender.passed == passed) {  // The door is open now, so packets do pass.
        std::this_thread::yield();
    }
    CHECK(passed == 0);
}

}  // namespace ks
