// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/control_client.hpp"
#include "killswitchd/control_server.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/reactor.hpp"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

using namespace ks;
using namespace std::chrono_literals;

namespace {

struct World {
    std::string dir;
    Reactor reactor;
    std::optional<ControlServer> server;
    std::vector<std::string> requests;
    std::set<ControlServer::ClientId> closed;
    bool admits = true;
    std::size_t reply_bytes = 0;  ///< Above zero: each request gets one reply of so many bytes.

    World() : dir(make_dir()), reactor(*Reactor::open()) {
        server.emplace(*ControlServer::listen(reactor, path(), handlers()));
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World() {
        server.reset();
        std::filesystem::remove_all(dir);
    }

    static std::string make_dir() {
        std::string pattern = "/tmp/ks_runtime_XXXXXX";
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        return pattern;
    }
    [[nodiscard]] std::string path() const { return dir + "/control.sock"; }

    ControlServer::Handlers handlers() {
        return {[this](const Peer& peer) { return admits && peer.uid == geteuid(); },
                [this](ControlServer::ClientId id, const Peer&, std::string_view request) {
                    requests.emplace_back(request);
                    server->send(id, reply_bytes > 0 ? std::string(reply_bytes, 'x')
                                                     : "re:" + std::string(request));
                    server->finish(id);
                },
                [this](ControlServer::ClientId id) { closed.insert(id); }};
    }

    /// Turns the loop until `done` holds. \return whether it came to hold within five seconds.
    bool until(std::function<bool()> done) {
        const auto deadline = std::chrono::steady_clock::now() + 5s;
        bool holds = false;
        std::function<void()> look = [&] {
            holds = done();
            if (holds || std::chrono::steady_clock::now() > deadline) {
                reactor.stop();
            } else {
                reactor.after(1ms, look);
            }
        };
        reactor.after(0ms, look);
        REQUIRE(reactor.run());
        return holds;
    }
    ControlClient client() { return *ControlClient::connect(path()); }

    /// The next message or the error, while the loop turns.
    Result<std::string> receive(ControlClient& client) {
        Result<std::string> got = Error{"nothing yet", ETIMEDOUT};
        until([&] {
            got = client.receive(0ms);
            return got || got.error().sys_errno != ETIMEDOUT;
        });
        return got;
    }
};

}  // namespace

TEST_CASE("pipelined requests are answered in order", "[runtime][control]") {
    World world;
    auto client = world.client();
    for (const char* request : {"a", "b", "c"}) {
        REQUIRE(client.send(request));
    }

    for (const char* reply : {"re:a", "re:b", "re:c"}) {
        const auto got = world.receive(client);
        REQUIRE(got);
        CHECK(*got == reply);
    }
}

TEST_CASE("a peer that is not admitted gets the refusal and the end, and is not read",
          "[runtime][control][fail-closed]") {
    World world;
    auto open = world.client();
    REQUIRE(open.send("open"));
    REQUIRE(world.receive(open));
    world.admits = false;
    auto client = world.client();
    REQUIRE(client.send("secret"));

    const auto refusal = world.receive(client);
    const auto end = world.receive(client);

    REQUIRE(refusal);
    CHECK(*refusal == R"({"error":"org.killswitchd.PermissionDenied","parameters":{}})");
    REQUIRE_FALSE(end);
    CHECK(end.error().sys_errno == 0);
    CHECK(world.requests == std::vector<std::string>{"open"});
}

TEST_CASE("an oversized request ends the connection and reaches nobody", "[runtime][control]") {
    World world;
    auto client = world.client();
    REQUIRE(client.send(std::string(ControlServer::kMaxRequestBytes, 'a')));
    REQUIRE(world.receive(client));
    REQUIRE(client.send(std::string(ControlServer::kMaxRequestBytes + 1, 'b')));

    CHECK_FALSE(world.receive(client));

    CHECK(world.requests.size() == 1);
    CHECK(world.until([&] { return world.closed.size() == 1; }));
}

TEST_CASE("a client that reads nothing is closed at the cap while another is served",
          "[runtime][control]") {
    World world;
    auto slow = world.client();
    auto other = world.client();
    world.reply_bytes = 2 * ControlServer::kMaxQueuedBytes;
    REQUIRE(slow.send("much"));
    REQUIRE(world.until([&] { return world.closed.size() == 1; }));
    world.reply_bytes = 0;
    REQUIRE(other.send("hello"));

    CHECK(world.receive(other));
}

TEST_CASE("one connection beyond the limit is closed and the others stay", "[runtime][control]") {
    World world;
    const auto limit =
        ControlServer::kMaxClients - (geteuid() == 0 ? 0 : ControlServer::kReservedForRoot);
    std::vector<ControlClient> clients;
    for (std::size_t i = 0; i < limit; ++i) {
        clients.push_back(world.client());
        REQUIRE(clients.back().send("in"));
        REQUIRE(world.receive(clients.back()));
    }
    auto extra = world.client();

    const auto end = world.receive(extra);

    REQUIRE_FALSE(end);
    CHECK(end.error().sys_errno == 0);
    REQUIRE(clients.front().send("again"));
    CHECK(world.receive(clients.front()));
}

TEST_CASE("a partial request that ends is no request", "[runtime][control]") {
    World world;
    {
        auto client = world.client();
        REQUIRE(::send(client.fd(), "half", 4, MSG_NOSIGNAL) == 4);
    }

    CHECK(world.until([&] { return world.closed.size() == 1; }));
    CHECK(world.requests.empty());
}

TEST_CASE("a client that has shut down its sending side gets its replies, then the end",
          "[runtime][control]") {
    World world;
    auto client = world.client();
    REQUIRE(client.send("a"));
    REQUIRE(client.send("b"));
    REQUIRE(shutdown(client.fd(), SHUT_WR) == 0);

    for (const char* reply : {"re:a", "re:b"}) {
        const auto got = world.receive(client);
        REQUIRE(got);
        CHECK(*got == reply);
    }
    const auto end = world.receive(client);
    REQUIRE_FALSE(end);
    CHECK(end.error().sys_errno == 0);
    CHECK(world.until([&] { return world.closed.size() == 1; }));
}

TEST_CASE("a client without a complete request is closed when it has idled too long",
          "[runtime][control][slow]") {
    World world;
    const auto start = std::chrono::steady_clock::now();
    auto client = world.client();
    REQUIRE(::send(client.fd(), "half", 4, MSG_NOSIGNAL) == 4);
    CHECK_FALSE(world.until([&] { return !world.closed.empty(); }));

    // Two waits of five seconds: together they outlast kIdle.
    const bool closed = world.until([&] { return !world.closed.empty(); }) ||
                        world.until([&] { return !world.closed.empty(); });

    CHECK(closed);

    const auto idled = std::chrono::steady_clock::now() - start;
    CHECK(idled >= ControlServer::kIdle);
    CHECK(idled < ControlServer::kIdle + 5s);
    CHECK(world.requests.empty());
}

TEST_CASE("a live socket is refused and a dead one is replaced, open to all",
          "[runtime][control]") {
    World world;
    const auto second = ControlServer::listen(world.reactor, world.path(), world.handlers());
    REQUIRE_FALSE(second);
    CHECK(second.error().sys_errno == EADDRINUSE);
    const std::string dead = world.dir + "/dead";
    {
        const Fd fd(socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        dead.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    }
    umask(0077);

    const auto replaced = ControlServer::listen(world.reactor, dead, world.handlers());

    REQUIRE(replaced);
    struct stat found {};
    REQUIRE(stat(dead.c_str(), &found) == 0);
    CHECK((found.st_mode & 0777U) == 0666U);
}

TEST_CASE("timers run in the order of their delays and not after cancel", "[runtime][reactor]") {
    auto reactor = *Reactor::open();
    std::string order;
    reactor.after(2ms, [&] { order += 'b'; });
    reactor.after(1ms, [&] { order += 'a'; });
    const auto never = reactor.after(1ms, [&] { order += 'x'; });
    reactor.after(3ms, [&] { reactor.stop(); });
    reactor.cancel(never);

    REQUIRE(reactor.run());

    CHECK(order == "ab");
}

TEST_CASE("the runtime has one thread", "[runtime]") {
    World world;
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    CHECK(std::distance(begin(tasks), end(tasks)) == 1);
}
