// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/link_monitor.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace ks;
using namespace std::chrono_literals;
using lab::LinkState;
using lab::NetConfig;

namespace {

constexpr int kSkipped = 77;

void enter_new_netns() {
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        std::exit(kSkipped);
    }
}

template <class T>
T must(Result<T> result) {
    if (!result) {
        FAIL(result.error().message());
    }
    return *std::move(result);
}

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

/// A fresh network namespace, which the process stays in, and the monitor under test.
struct World {
    NetConfig net;
    LinkMonitor monitor;

    World() : World((enter_new_netns(), must(NetConfig::open()))) {}

    [[nodiscard]] const Link* find(const std::string& name) const {
        const auto at = std::find_if(monitor.links().begin(), monitor.links().end(),
                                     [&](const auto& entry) { return entry.second.name == name; });
        return at == monitor.links().end() ? nullptr : &at->second;
    }
    [[nodiscard]] bool has(const std::string& name, const Prefix& address) const {
        const Link* const link = find(name);
        return link != nullptr &&
               std::count(link->addresses.begin(), link->addresses.end(), address) == 1;
    }
    [[nodiscard]] bool is_up(const std::string& name) const {
        const Link* const link = find(name);
        return link != nullptr && link->up;
    }
    /// Drains as the loop would. \return whether `holds` came true within five seconds.
    bool until(const std::function<bool()>& holds) {
        const auto deadline = std::chrono::steady_clock::now() + 5s;
        while (!holds() && std::chrono::steady_clock::now() < deadline) {
            pollfd wanted{monitor.fd(), POLLIN, 0};
            poll(&wanted, 1, 100);
            REQUIRE(monitor.drain());
        }
        return holds();
    }
    bool agrees_with_dump() {
        return until([this] { return monitor.links() == must(read_links()); });
    }

  private:
    explicit World(NetConfig config) : net(std::move(config)), monitor(must(LinkMonitor::open())) {}
};

Fd open_tun(const std::string& name) {
    Fd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    if (!fd || ioctl(fd.get(), TUNSETIFF, &request) != 0) {
        std::exit(kSkipped);
    }
    return fd;
}

/// An ioctl of the old kind on the interface `name`, filled in by `fill`.
void configure(const std::string& name, unsigned long request_code,
               const std::function<void(ifreq&)>& fill) {
    const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    fill(request);
    REQUIRE(ioctl(fd.get(), request_code, &request) == 0);
}

void set_ipv4(ifreq& request, const char* address) {
    sockaddr_in value{};
    value.sin_family = AF_INET;
    std::copy_n(ip(address).bytes.begin(), sizeof value.sin_addr,
                reinterpret_cast<std::uint8_t*>(&value.sin_addr));
    std::copy_n(reinterpret_cast<const char*>(&value), sizeof value,
                reinterpret_cast<char*>(&request.ifr_addr));
}

}  // namespace

TEST_CASE("a new namespace has only lo, and without an event nothing changes", "[links]") {
    World world;

    const auto changed = world.monitor.drain();

    REQUIRE(changed);
    CHECK_FALSE(*changed);
    REQUIRE(world.monitor.links().size() == 1);
    CHECK(world.monitor.links().begin()->second == Link{"lo", "", false, {}});
    CHECK(world.monitor.overruns() == 0);
}

TEST_CASE("an event that tells nothing new is no change", "[links]") {
    World world;
    const Fd tun = open_tun("tun0");
    REQUIRE(must(world.monitor.drain()));
    REQUIRE(world.net.set_mtu("tun0", 1300));
    pollfd readable{world.monitor.fd(), POLLIN, 0};
    REQUIRE(poll(&readable, 1, 5000) == 1);

    CHECK_FALSE(must(world.monitor.drain()));
}

TEST_CASE("a tun device comes, goes up and down, and leaves with its descriptor", "[links]") {
    World world;
    Fd tun = open_tun("tun0");

    CHECK(must(world.monitor.drain()));
    REQUIRE(world.find("tun0") != nullptr);
    CHECK(world.find("tun0")->kind == "tun");
    CHECK_FALSE(world.is_up("tun0"));

    REQUIRE(world.net.set_link("tun0", LinkState::up));
    CHECK(must(world.monitor.drain()));
    CHECK(world.is_up("tun0"));

    REQUIRE(world.net.set_link("tun0", LinkState::down));
    CHECK(must(world.monitor.drain()));
    CHECK_FALSE(world.is_up("tun0"));

    tun.reset();
    CHECK(world.until([&] { return world.find("tun0") == nullptr; }));
    CHECK(world.agrees_with_dump());
}

TEST_CASE("links and addresses from before the monitor are known to it", "[links]") {
    enter_new_netns();
    auto net = must(NetConfig::open());
    const Fd tun = open_tun("tun0");
    REQUIRE(net.add_address("tun0", ip("10.8.0.2"), 24));

    const auto monitor = must(LinkMonitor::open());

    const auto at = monitor.links().find(static_cast<int>(must(net.index("tun0"))));
    REQUIRE(at != monitor.links().end());
    CHECK(at->second == Link{"tun0", "tun", false, {Prefix{ip("10.8.0.2"), 24}}});
    CHECK(monitor.links() == must(read_links()));
}

TEST_CASE("a renamed link keeps its index, kind and addresses", "[links]") {
    World world;
    const Fd tun = open_tun("tun0");
    REQUIRE(world.net.add_address("tun0", ip("10.8.0.2"), 24));
    const int index = static_cast<int>(must(world.net.index("tun0")));
    REQUIRE(must(world.monitor.drain()));
    REQUIRE(world.find("tun0") != nullptr);

    configure("tun0", SIOCSIFNAME,
              [](ifreq& request) { std::string("vpn0").copy(request.ifr_newname, IFNAMSIZ - 1); });

    CHECK(must(world.monitor.drain()));
    CHECK(world.find("tun0") == nullptr);
    CHECK(world.monitor.links().at(index) ==
          Link{"vpn0", "tun", false, {Prefix{ip("10.8.0.2"), 24}}});
}

TEST_CASE("addresses come with their host bits and go", "[links]") {
    World world;
    const Fd tun = open_tun("tun0");
    REQUIRE(world.net.set_link("tun0", LinkState::up));
    const auto address = GENERATE(as<std::string>{}, "10.8.0.2", "2001:db8::2");
    const std::uint8_t length = ip(address.c_str()).family == IpFamily::v4 ? 24 : 64;
    const Prefix own{ip(address.c_str()), length};
    REQUIRE(world.monitor.drain());
    REQUIRE_FALSE(world.has("tun0", own));

    REQUIRE(world.net.add_address("tun0", own.address, length));
    CHECK(world.until([&] { return world.has("tun0", own); }));

    REQUIRE(world.net.delete_address("tun0", own.address, length));
    CHECK(world.until([&] { return !world.has("tun0", own); }));
    CHECK(world.find("tun0") != nullptr);
    CHECK(world.agrees_with_dump());
}

TEST_CASE("the length of a point-to-point address belongs to the peer", "[links]") {
    World world;
    const Fd tun = open_tun("tun0");
    configure("tun0", SIOCSIFADDR, [](ifreq& request) { set_ipv4(request, "10.8.0.2"); });
    configure("tun0", SIOCSIFNETMASK, [](ifreq& request) { set_ipv4(request, "255.255.255.0"); });
    REQUIRE(world.until([&] { return world.has("tun0", Prefix{ip("10.8.0.2"), 24}); }));

    configure("tun0", SIOCSIFDSTADDR, [](ifreq& request) { set_ipv4(request, "10.8.0.1"); });

    CHECK(world.until([&] { return world.has("tun0", Prefix{ip("10.8.0.2"), 32}); }));
    CHECK_FALSE(world.has("tun0", Prefix{ip("10.8.0.2"), 24}));
    CHECK(world.agrees_with_dump());
}

TEST_CASE("default routes and their routers come and go", "[links]") {
    World world;
    const Fd tun = open_tun("tun0");
    REQUIRE(world.net.set_link("tun0", LinkState::up));
    REQUIRE(world.net.add_address("tun0", ip("10.8.0.2"), 24));
    REQUIRE(world.net.add_address("tun0", ip("2001:db8::2"), 64));
    const auto run = [](const std::string& arguments) {
        INFO(arguments);
        REQUIRE(std::system(("ip " + arguments).c_str()) == 0);
    };
    const auto comes_to = [&](bool default_route, const std::vector<IpAddress>& routers) {
        return world.until([&] {
            const Link* const link = world.find("tun0");
            return link != nullptr && link->default_route == default_route &&
                   link->routers6 == routers;
        }) && world.agrees_with_dump();
    };
    REQUIRE(comes_to(false, {}));

    run("route add default via 10.8.0.1");
    CHECK(comes_to(true, {}));
    run("route replace default via 10.8.0.9");
    run("route del default");
    CHECK(comes_to(false, {}));
    run("-6 route add default via 2001:db8::1 dev tun0");
    run("-6 route append default via fe80::9 dev tun0");
    CHECK(comes_to(true, {ip("2001:db8::1"), ip("fe80::9")}));
    run("-6 route del default via 2001:db8::1 dev tun0");
    CHECK(comes_to(true, {ip("fe80::9")}));
    run("-6 route replace default via 2001:db8::3 dev tun0");
    CHECK(comes_to(true, {ip("2001:db8::3")}));
    run("-6 route del default dev tun0");
    CHECK(comes_to(false, {}));
}

TEST_CASE("a name that is used again belongs to another index", "[links]") {
    World world;
    Fd tun = open_tun("tun0");
    REQUIRE(world.net.add_address("tun0", ip("10.8.0.2"), 24));
    const int first = static_cast<int>(must(world.net.index("tun0")));
    REQUIRE(must(world.monitor.drain()));
    REQUIRE(world.monitor.links().count(first) == 1);

    tun.reset();
    const Fd again = open_tun("tun0");
    const int second = static_cast<int>(must(world.net.index("tun0")));

    REQUIRE(second != first);
    CHECK(must(world.monitor.drain()));
    CHECK_FALSE(world.monitor.links().contains(first));
    CHECK(world.monitor.links().at(second) == Link{"tun0", "tun", false, {}});
}

TEST_CASE("both ends of a veth pair are links of that kind", "[links]") {
    World world;
    const Fd here(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    REQUIRE(world.net.add_veth("left", "right", here.get()));

    CHECK(must(world.monitor.drain()));
    for (const char* const end : {"left", "right"}) {
        REQUIRE(world.find(end) != nullptr);
        CHECK(world.find(end)->kind == "veth");
    }
    REQUIRE(world.net.delete_link("left"));
    CHECK(must(world.monitor.drain()));
    CHECK(world.find("left") == nullptr);
    CHECK(world.find("right") == nullptr);
}

TEST_CASE("a port that leaves its bridge stays a link with its addresses", "[links]") {
    World world;
    const Fd here(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    const Prefix own{ip("10.9.0.1"), 24};
    REQUIRE(world.net.add_veth("port", "peer", here.get()));
    REQUIRE(world.net.add_address("port", own.address, own.length));
    REQUIRE(world.net.add_bridge("br0"));
    REQUIRE(world.net.enslave("port", "br0"));
    REQUIRE(must(world.monitor.drain()));
    REQUIRE(world.find("br0") != nullptr);
    CHECK(world.find("br0")->kind == "bridge");
    REQUIRE(world.has("port", own));

    REQUIRE(world.net.delete_link("br0"));

    CHECK(world.until([&] { return world.find("br0") == nullptr; }));
    CHECK(world.has("port", own));
    CHECK(world.find("port")->kind == "veth");
    CHECK(world.agrees_with_dump());
}

TEST_CASE("after lost notifications the picture is the kernel's again", "[links][fail-closed]") {
    World world;
    const int smallest = 1;
    REQUIRE(setsockopt(world.monitor.fd(), SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest) == 0);
    Fd tun = open_tun("tun0");
    REQUIRE(world.net.set_link("tun0", LinkState::up));
    REQUIRE(world.monitor.drain());
    REQUIRE(world.is_up("tun0"));
    const auto overruns = world.monitor.overruns();

    for (std::uint32_t i = 0; i < 1500; ++i) {
        REQUIRE(world.net.set_mtu("tun0", 1300 + i % 100));
        REQUIRE(world.net.set_link("tun0", i % 2 == 0 ? LinkState::down : LinkState::up));
    }
    REQUIRE(world.net.set_link("tun0", LinkState::down));
    REQUIRE(world.net.add_address("tun0", ip("10.8.0.2"), 24));
    const Fd other = open_tun("tun1");

    CHECK(must(world.monitor.drain()));
    CHECK(world.monitor.overruns() > overruns);
    CHECK_FALSE(world.is_up("tun0"));
    CHECK(world.has("tun0", Prefix{ip("10.8.0.2"), 24}));
    CHECK(world.monitor.links() == must(read_links()));

    tun.reset();
    CHECK(world.until([&] { return world.find("tun0") == nullptr; }));
}
