// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/reach.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <arpa/inet.h>
#include <sys/socket.h>

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;

namespace {

constexpr const char* kHostOnBridge = "10.77.0.1";
constexpr const char* kHostOnBridge6 = "2001:db8:aa::1";
constexpr const char* kInternet = lab::addr::kInternet;
constexpr const char* kInternet6 = lab::addr::kInternet6;
constexpr std::uint16_t kPort = 8080;
constexpr const char* kGuestRule = "guest br0";

/// Whether the guest reaches the internet, seen there under its own address or not.
bool guest_reaches_internet(Scene& scene, const char* to = kInternet) {
    return lab::reach(scene.guest(), {lab::Service::udp_echo, lab::ip(to), 7, {}},
                      lab::Millis{1000})
        .answered;
}

/// Some packet of the guest that is seen in clear on an uplink; empty when there is none.
std::string guest_leak(Scene& scene) {
    const std::vector<lab::Probe> probes = lab::guest_probes(scene.lab());
    const auto outcomes = lab::probe_round(scene.lab(), scene.guest(), probes);
    REQUIRE(outcomes);
    for (const lab::Outcome& outcome : *outcomes) {
        if (!outcome.escaped.empty()) {
            return outcome.shot.probe.name;
        }
    }
    return {};
}

/// Everything that host and guest want of each other, IPv4.
void check_neighbours(Scene& scene) {
    const Listener in_guest(scene.guest(), kPort);
    const Listener in_host(scene.host(), kPort);
    CHECK(pings(scene.host(), lab::addr::kGuest));
    CHECK(pings(scene.guest(), kHostOnBridge));
    CHECK(connects(scene.host(), lab::addr::kGuest, kPort));
    CHECK(connects(scene.guest(), kHostOnBridge, kPort));
    CHECK(in_guest.hears(scene.host(), lab::addr::kGuest));
    CHECK(in_host.hears(scene.guest(), kHostOnBridge));
}

void forward_port_to_guest(Scene& scene) {
    for (const char* const command :
         {"add table inet published",
          "add chain inet published pre { type nat hook prerouting priority -100; }",
          "add rule inet published pre iifname != br0 tcp dport 8080 dnat ip to 10.77.0.2:8080",
          "add rule inet published pre iifname != br0 tcp dport 8080 "
          "dnat ip6 to [2001:db8:aa::2]:8080"}) {
        must_run(scene.host(), {"nft", command});
    }
}

}  // namespace

TEST_CASE("a guest talks to the host and through the tunnel, and never past it",
          "[policy][guests]") {
    Policy policy = tun_policy();
    if (GENERATE(false, true)) {  // Found, or named.
        policy.guests.automatic = false;
        policy.guests.interfaces = {"br0"};
    }
    Scene control(policy, Armed::no);
    control.lock();
    REQUIRE_FALSE(guest_leak(control).empty());
    REQUIRE(guest_reaches_internet(control));

    Scene scene(policy);
    scene.lock();
    CHECK(guest_leak(scene).empty());
    CHECK_FALSE(guest_reaches_internet(scene));
    check_neighbours(scene);
    scene.stage().connect();
    scene.check_steps();
    CHECK(guest_reaches_internet(scene));
    CHECK_FALSE(guest_reaches_internet(scene, kInternet6));
    CHECK(guest_leak(scene).empty());
    check_neighbours(scene);
    CHECK_FALSE(pings(scene.guest(), kHostOnBridge6));
    scene.stage().client()->kill();
    CHECK(guest_leak(scene).empty());
}

TEST_CASE("a device is a guest's while it is in their group", "[policy][guests][groups]") {
    Policy policy = tun_policy();
    policy.guests.automatic = false;
    policy.guests.interfaces = {"group:2"};
    Scene scene(policy);
    scene.lock();
    scene.stage().connect();
    CHECK_FALSE(guest_reaches_internet(scene));
    CHECK_FALSE(pings(scene.host(), lab::addr::kGuest));

    must_run(scene.host(), {"ip", "link", "set", "br0", "group", "2"});

    CHECK(scene.await_rules_with(kGuestRule));
    CHECK(guest_reaches_internet(scene));
    check_neighbours(scene);
    CHECK(guest_leak(scene).empty());
    must_run(scene.host(), {"ip", "link", "set", "br0", "group", "0"});
    CHECK(scene.await_rules_without(kGuestRule));
    CHECK_FALSE(guest_reaches_internet(scene));
    scene.check_steps();
}

TEST_CASE("with IPv6 in the tunnel, a guest has it there and nowhere else", "[policy][guests]") {
    Policy policy = tun_policy();
    policy.ipv6 = Ipv6::tunnel;
    Scene scene(policy);
    scene.lock();
    CHECK_FALSE(guest_reaches_internet(scene, kInternet6));
    CHECK(pings(scene.guest(), kHostOnBridge6));
    scene.stage().connect();
    scene.check_steps();

    CHECK(guest_reaches_internet(scene, kInternet6));
    CHECK(guest_leak(scene).empty());
    CHECK(pings(scene.host(), lab::addr::kGuest6));
}

TEST_CASE("a guest whose route avoids the tunnel stays inside", "[policy][guests]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_policy(), armed);
    const bool open = armed == Armed::no;
    // As a routing rule of some other program does it: past the tunnel, for guests alone.
    for (const Addresses& at : kFamilies) {
        const char* const family = at.router == kFamilies[0].router ? "-4" : "-6";
        must_run(scene.host(),
                 {"ip", family, "route", "add", "default", "via", at.router, "table", "77"});
        must_run(scene.host(), {"ip", family, "rule", "add", "iif", "br0", "lookup", "77"});
    }
    const auto escapes = [&](Packet packet, const char* to, std::uint16_t port) {
        return scene.escapes(scene.guest(), packet, to, port);
    };
    scene.locked_and_protected([&] {
        for (const Addresses& at : kFamilies) {
            CAPTURE(at.internet);
            CHECK(escapes(Packet::udp, at.internet, 443) == open);
            CHECK(escapes(Packet::tcp, at.internet, 443) == open);
            CHECK(escapes(Packet::icmp, at.internet, 0) == open);
            CHECK(escapes(Packet::dns_udp, at.internet, 53) == open);
            CHECK(escapes(Packet::dns_udp, at.router, 53) == open);
            CHECK(escapes(Packet::tcp, at.internet, 853) == open);
            CHECK(escapes(Packet::udp, at.endpoint, 51820) == open);
        }
    });
}

TEST_CASE("the local network is the host's, not the guests'", "[policy][guests][lan]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Policy policy = dual_policy();
    policy.lan.allow = true;
    policy.lan.dns = true;
    policy.lan.inbound = true;
    Scene scene(policy, armed);
    const bool open = armed == Armed::no;
    scene.locked_and_protected([&] {
        for (const Addresses& at : kFamilies) {
            CAPTURE(at.lan_router);
            CHECK(pings(scene.host(), at.lan_router));
            CHECK(pings(scene.guest(), at.lan_router) == open);
            CHECK(scene.escapes(scene.guest(), Packet::dns_udp, at.lan_router, 53) == open);
            CHECK(pings(scene.provider(), at.guest) == open);
        }
    });
}

TEST_CASE("only answers come out of the tunnel to a guest", "[policy][guests]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_policy(), armed);
    scene.protect();
    const Listener listener(scene.guest(), kPort);
    const bool open = armed == Armed::no;
    for (const Addresses& at : kFamilies) {
        CAPTURE(at.guest);
        REQUIRE(guest_reaches_internet(scene, at.internet));
        CHECK(connects(scene.lab().vpn(), at.guest, kPort) == open);
        CHECK(listener.hears(scene.lab().vpn(), at.guest) == open);
        CHECK(pings(scene.lab().vpn(), at.guest) == open);
    }
}

TEST_CASE("guests that are to reach nothing reach the host alone", "[policy][guests]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Policy policy = dual_policy();
    policy.guests.reach = Guests::Reach::block;
    Scene scene(policy, armed);
    const bool open = armed == Armed::no;
    scene.locked_and_protected([&] {
        for (const Addresses& at : kFamilies) {
            CAPTURE(at.internet);
            CHECK(guest_reaches_internet(scene, at.internet) == open);
        }
        CHECK((open || guest_leak(scene).empty()));
        check_neighbours(scene);
        CHECK(pings(scene.guest(), kHostOnBridge6));
    });
}

TEST_CASE("names are asked of the listed resolvers alone, by the host and by guests",
          "[policy][guests][dns]") {
    const bool listed = GENERATE(false, true);
    constexpr std::array kServers{"198.51.100.53", "2001:db8:100::53"};
    constexpr std::array kOthers{"198.51.100.54", "2001:db8:100::54"};
    Policy policy = dual_policy();
    if (listed) {
        policy.dns_servers = {{lab::ip(kServers[0]), lab::ip(kServers[1])}};
    }
    Scene scene(policy);
    scene.protect();
    for (const lab::Node* const node : {&scene.host(), &scene.guest()}) {
        const auto asks = [&](const char* server, std::uint16_t port) {
            return lab::reach(*node, {lab::Service::udp_echo, lab::ip(server), port, {}},
                              lab::Millis{500})
                .answered;
        };
        for (std::size_t i = 0; i < kServers.size(); ++i) {
            CAPTURE(node->name(), kServers.at(i));
            CHECK(asks(kServers.at(i), 53));
            CHECK(asks(kOthers.at(i), 53) == !listed);
            CHECK(asks(kOthers.at(i), 853) == !listed);
            CHECK(asks(kOthers.at(i), 443));
        }
    }
}

TEST_CASE("a bridge with an uplink as its port is no guest", "[policy][guests]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    const bool open = armed == Armed::no;
    Scene scene(dual_policy(), armed);
    // Nobody whom the bridge knows: what is for them goes out of every port.
    constexpr std::array kStrangers{"10.77.0.9", "2001:db8:aa::9"};
    const auto changed = [&](bool guest) {
        return open ||
               (guest ? scene.await_rules_with(kGuestRule) : scene.await_rules_without(kGuestRule));
    };
    scene.locked_and_protected([&] {
        CHECK(changed(/*guest=*/true));
        CHECK(pings(scene.host(), lab::addr::kGuest));
        CHECK(pings(scene.host(), lab::addr::kGuest6));

        must(scene.host().net().enslave("up1", "br0"));

        CHECK(changed(/*guest=*/false));
        for (const char* const stranger : kStrangers) {
            CAPTURE(stranger);
            must(scene.host().net().add_neighbour("br0", lab::ip(stranger), {2, 0, 0, 0, 0, 9}));
            CHECK(scene.escapes(scene.host(), Packet::udp, stranger, 443) == open);
        }
        CHECK(pings(scene.host(), lab::addr::kGuest) == open);
        CHECK(pings(scene.host(), lab::addr::kGuest6) == open);
        must_run(scene.host(), {"ip", "link", "set", "up1", "nomaster"});
    });
    CHECK(changed(/*guest=*/true));
    CHECK(guest_reaches_internet(scene));
}

TEST_CASE("a new interface is an uplink until it is proven a guest", "[policy][guests]") {
    lab::LabOptions options;
    options.start = lab::Uplinks::bare;
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(tun_policy(), armed, std::move(options));
    scene.lock();
    // The lab's uplinks are veths: by their kind alone they might be taken for guests.
    const auto mac = scene.provider().net().mac("wan0");
    REQUIRE(mac);
    must(scene.host().net().set_link("up0", lab::LinkState::up));
    must(scene.host().net().add_address("up0", lab::ip(lab::addr::kHost[0]), 24));
    for (const char* const neighbour : {lab::addr::kRouter[0], kInternet}) {
        must(scene.host().net().add_neighbour("up0", lab::ip(neighbour), *mac));
    }

    const bool open = armed == Armed::no;
    for (const char* const to : {lab::addr::kRouter[0], kInternet}) {
        CHECK(scene.escapes(scene.host(), Packet::udp, to, 443, lab::Via::uplink) == open);
        CHECK(scene.escapes(scene.host(), Packet::tcp, to, 443, lab::Via::uplink) == open);
    }
    const auto pinged = [&] { return pings(scene.provider(), lab::addr::kHost[0]); };
    CHECK((open ? lab::eventually(kPatience, pinged) : pinged()) == open);
}

TEST_CASE("a second uplink without a default route is no guest, though it is a veth",
          "[policy][guests]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(tun_policy(), armed);
    const Listener listener(scene.host(), kPort);
    for (const char* const family : {"-4", "-6"}) {
        must_run(scene.host(), {"ip", family, "route", "del", "default", "dev", "up1"});
    }
    const bool open = armed == Armed::no;
    scene.locked_and_protected([&] {
        if (!open) {  // Any change proves that the service has seen the one before.
            must(scene.host().net().add_address("br0", lab::ip("10.78.0.1"), 24));
            REQUIRE(scene.await_rules_with("10.78.0.0/24"));
        }
        for (std::size_t i = 0; i < 2; ++i) {
            const char* const router = i == 0 ? lab::addr::kRouter[1] : lab::addr::kRouter6[1];
            CAPTURE(router);
            CHECK(scene.escapes(scene.host(), Packet::udp, router, 443) == open);
            CHECK(scene.escapes(scene.host(), Packet::dns_udp, router, 53) == open);
        }
        CHECK(connects(scene.provider(), lab::addr::kHost[1], kPort) == open);
        CHECK(connects(scene.provider(), lab::addr::kHost6[1], kPort) == open);
    });
}

TEST_CASE("guests stay guests when the VPN takes the only default route", "[policy][guests]") {
    Scene scene(tun_policy());
    scene.protect();
    REQUIRE(guest_reaches_internet(scene));
    const auto run = [&](const std::string& command) {
        must_run(scene.host(), {"sh", "-ec", command});
    };
    const std::string to_server = fmt::format("203.0.113.7 via {} dev up0", lab::addr::kRouter[0]);

    run("ip route replace " + to_server +
        "; ip route add default dev tun0 metric 1; "
        "for d in up0 up1; do ip route del default dev $d; ip -6 route del default dev $d; done");
    // Any change proves that the service has seen the one before.
    run("ip address add 10.78.0.1/24 dev br0");

    CHECK(scene.await_rules_with("10.78.0.0/24"));
    CHECK(guest_reaches_internet(scene));
    CHECK(guest_leak(scene).empty());
    // Without it nothing tells which interface is the way out.
    run("ip route del " + to_server);
    CHECK(scene.await_rules_without(kGuestRule));
}

TEST_CASE("a published port of a guest is not open to the internet or the local network",
          "[policy][guests]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Policy policy = dual_policy();
    policy.lan.allow = true;
    policy.lan.inbound = true;
    Scene scene(policy, armed);
    forward_port_to_guest(scene);
    const Listener listener(scene.guest(), kPort);
    const bool open = armed == Armed::no;
    scene.locked_and_protected([&] {
        for (const Addresses& at : kFamilies) {
            CAPTURE(at.guest);
            CHECK(connects(scene.provider(), at.lan_host, kPort) == open);
            CHECK(connects(scene.lab().internet(), at.host, kPort) == open);
            CHECK(connects(scene.host(), at.guest, kPort));
        }
    });
    CHECK(connects(scene.lab().vpn(), lab::addr::kTunnelHost, kPort) == open);
    CHECK(connects(scene.lab().vpn(), lab::addr::kTunnelHost6, kPort) == open);
}

TEST_CASE("a guest gets its address from the host, locked and protected", "[policy][guests]") {
    Scene scene(tun_policy());
    const auto server = scene.host().socket(AF_INET, SOCK_DGRAM, 0);
    REQUIRE(server);
    const int on = 1;
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(67);
    REQUIRE(bind(server->get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(setsockopt(server->get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0);
    const auto exchange = [&] {
        // Before it has an address: from 0.0.0.0 to everyone, and an answer to everyone.
        const auto client = scene.guest().socket(AF_INET, SOCK_DGRAM, 0);
        REQUIRE(client);
        sockaddr_in own{};
        own.sin_family = AF_INET;
        own.sin_port = htons(68);
        REQUIRE(bind(client->get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
        REQUIRE(setsockopt(client->get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0);
        const auto everyone = [](std::uint16_t port) {
            sockaddr_in to{};
            to.sin_family = AF_INET;
            to.sin_port = htons(port);
            to.sin_addr.s_addr = INADDR_BROADCAST;
            return to;
        };
        const auto delivered = [](int from, int to, sockaddr_in address) {
            std::array<char, 8> got{};
            return lab::eventually(kPatience, [&] {
                return sendto(from, "hello", 5, 0, reinterpret_cast<const sockaddr*>(&address),
                              sizeof address) == 5 &&
                       recv(to, got.data(), got.size(), MSG_DONTWAIT) == 5;
            });
        };
        must_run(scene.guest(), {"ip", "address", "flush", "dev", "eth0", "scope", "global"});
        must_run(scene.guest(), {"ip", "route", "add", "255.255.255.255", "dev", "eth0"});
        CHECK(delivered(client->get(), server->get(), everyone(67)));
        must(scene.guest().net().add_address("eth0", lab::ip(lab::addr::kGuest), 24));
        sockaddr_in back = everyone(68);
        back.sin_addr.s_addr = inet_addr(lab::addr::kGuest);
        CHECK(delivered(server->get(), client->get(), back));
    };
    scene.lock();
    exchange();
    scene.stage().connect();
    scene.check_steps();
    exchange();
}
