// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

#include <array>

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;

namespace {

constexpr const char* kRouter = lab::addr::kRouter[0];
constexpr const char* kRouter6 = "fd77::1";
constexpr const char* kHost = lab::addr::kHost[0];
constexpr std::uint16_t kPort = 8080;

Policy lan_policy() {
    Policy policy = tun_policy();
    policy.lan.allow = true;
    return policy;
}

/// Gives the host an address on its first uplink, with the router as its neighbour there.
void join(Scene& scene, const char* address, const char* neighbour, std::uint8_t length) {
    const auto mac = scene.provider().net().mac("wan0");
    REQUIRE(mac);
    must(scene.host().net().add_address("up0", lab::ip(address), length));
    must(scene.host().net().add_neighbour("up0", lab::ip(neighbour), *mac));
}

bool asks_router(Scene& scene, Packet packet, std::uint16_t port) {
    return scene.escapes(scene.host(), packet, kRouter, port);
}

}  // namespace

TEST_CASE("by default nothing reaches the local network", "[policy][lan]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(tun_policy(), armed);
    scene.protect();
    const bool open = armed == Armed::no;
    const Listener listener(scene.provider(), kPort);

    CHECK(pings(scene.host(), kRouter) == open);
    CHECK(pings(scene.host(), kRouter6) == open);
    CHECK(connects(scene.host(), kRouter, kPort) == open);
    CHECK(listener.hears(scene.host(), kRouter) == open);
    CHECK(pings(scene.provider(), kHost) == open);
    for (const char* const group : {"224.0.0.251", "239.255.255.250", "255.255.255.255"}) {
        CAPTURE(group);
        CHECK(scene.escapes(scene.host(), Packet::udp, group, 5353, lab::Via::uplink) == open);
    }
}

TEST_CASE("an allowed local network is reached, locked and protected", "[policy][lan]") {
    Scene scene(lan_policy());
    const Listener listener(scene.provider(), kPort);
    const auto check = [&] {
        CHECK(pings(scene.host(), kRouter));
        CHECK(connects(scene.host(), kRouter, kPort));
        CHECK(listener.hears(scene.host(), kRouter));
        CHECK_FALSE(pings(scene.host(), kRouter6));
        CHECK_FALSE(
            scene.escapes(scene.host(), Packet::udp, lab::addr::kInternet, 443, lab::Via::uplink));
        CHECK_FALSE(
            scene.escapes(scene.host(), Packet::tcp, lab::addr::kInternet6, 443, lab::Via::uplink));
        // A neighbouring uplink's network, by way of this one's router.
        CHECK_FALSE(
            scene.escapes(scene.host(), Packet::udp, lab::addr::kRouter[1], 443, lab::Via::uplink));
    };
    scene.lock();
    check();
    scene.stage().connect();
    scene.check_steps();
    check();
}

TEST_CASE("with IPv6 in the tunnel, the local network is reached by IPv6", "[policy][lan]") {
    Policy policy = lan_policy();
    policy.ipv6 = Ipv6::tunnel;
    Scene scene(policy);
    scene.protect();
    const auto router_link_local = lab::ip("fe80::1");
    must(scene.provider().net().add_address("wan0", router_link_local, 64));

    CHECK(pings(scene.host(), kRouter6));
    CHECK(pings(scene.host(), "fe80::1", "up0"));
    CHECK(scene.escapes(scene.host(), Packet::udp, "ff02::fb", 5353, lab::Via::uplink));
    // The provider's public prefix is on the link, and public all the same.
    CHECK_FALSE(pings(scene.host(), lab::addr::kRouter6[0]));
    CHECK_FALSE(
        scene.escapes(scene.host(), Packet::udp, lab::addr::kInternet6, 443, lab::Via::uplink));
}

TEST_CASE("a public prefix on the link is not local (LocalNet)", "[policy][lan][attack]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(lan_policy(), armed);
    scene.protect();

    // What TunnelCrack's network hands out by DHCP: the target looks like a neighbour.
    join(scene, "198.51.100.77", lab::addr::kInternet, 24);

    const bool leaks = armed == Armed::no;
    CHECK(scene.escapes(scene.host(), Packet::udp, lab::addr::kInternet, 443) == leaks);
    CHECK(scene.escapes(scene.host(), Packet::tcp, lab::addr::kInternet, 443) == leaks);
    CHECK(pings(scene.host(), kRouter));
    if (armed == Armed::yes) {
        scene.stage().await("PROTECTED");
        scene.check_steps();
    }
}

TEST_CASE("local networks that come and go are followed", "[policy][lan]") {
    Scene scene(lan_policy());
    scene.protect();
    const auto reached = [&] {
        return scene.escapes(scene.host(), Packet::udp, "172.16.5.1", 443);
    };
    must(scene.host().net().add_route({.to = *Prefix::parse("172.16.5.0/24"), .device = "up0"}));
    const auto mac = scene.provider().net().mac("wan0");
    must(scene.host().net().add_neighbour("up0", lab::ip("172.16.5.1"), *mac));
    CHECK_FALSE(reached());

    join(scene, "172.16.5.2", "172.16.5.1", 24);
    CHECK(lab::eventually(kPatience, reached));

    must(scene.host().net().delete_address("up0", lab::ip("172.16.5.2"), 24));
    must(scene.host().net().add_route({.to = *Prefix::parse("172.16.5.0/24"), .device = "up0"}));
    must(scene.host().net().add_neighbour("up0", lab::ip("172.16.5.1"), *mac));
    CHECK(lab::eventually(kPatience, [&] { return !reached(); }));
}

TEST_CASE("the local network can be all private space, or a list", "[policy][lan]") {
    Policy policy = lan_policy();
    const bool all = GENERATE(true, false);
    policy.lan.networks = all ? Lan::Networks::private_ : Lan::Networks::listed;
    if (!all) {
        policy.lan.list = {*Prefix::parse("10.50.0.0/16")};
    }
    Scene scene(policy);
    scene.protect();
    for (const char* const net : {"10.50.0.0/16", "172.20.0.0/16", "203.0.112.0/24"}) {
        must(scene.host().net().add_route(
            {.to = *Prefix::parse(net), .device = "up0", .gateway = lab::ip(kRouter)}));
    }

    CHECK(scene.escapes(scene.host(), Packet::udp, "10.50.1.1", 443));
    CHECK(scene.escapes(scene.host(), Packet::udp, "172.20.1.1", 443) == all);
    CHECK(pings(scene.host(), kRouter) == all);
    CHECK_FALSE(scene.escapes(scene.host(), Packet::udp, "203.0.112.1", 443));
}

TEST_CASE("the local network can be that of one interface", "[policy][lan]") {
    Policy policy = lan_policy();
    policy.lan.interfaces = {"up1"};
    Scene scene(policy);
    scene.protect();

    CHECK(pings(scene.host(), lab::addr::kRouter[1]));
    CHECK_FALSE(pings(scene.host(), kRouter));
}

TEST_CASE("resolvers of the local network are asked only where the config says so",
          "[policy][lan][dns]") {
    Policy policy = lan_policy();
    policy.lan.dns = GENERATE(false, true);
    Scene scene(policy);
    const auto check = [&] {
        CHECK(pings(scene.host(), kRouter));
        CHECK(asks_router(scene, Packet::dns_udp, 53) == policy.lan.dns);
        CHECK(asks_router(scene, Packet::dns_tcp, 53) == policy.lan.dns);
        CHECK(asks_router(scene, Packet::tcp, 853) == policy.lan.dns);
        CHECK(asks_router(scene, Packet::udp, 853) == policy.lan.dns);
        CHECK_FALSE(scene.escapes(scene.host(), Packet::dns_udp, lab::addr::kInternet, 53,
                                  lab::Via::uplink));
    };
    scene.lock();
    check();
    scene.stage().connect();
    scene.check_steps();
    check();
}

TEST_CASE("local hosts open connections only where the config says so", "[policy][lan]") {
    Policy policy = lan_policy();
    policy.lan.inbound = GENERATE(false, true);
    Scene scene(policy);
    scene.protect();
    const Listener listener(scene.host(), kPort);

    CHECK(pings(scene.host(), kRouter));
    CHECK(connects(scene.provider(), kHost, kPort) == policy.lan.inbound);
    CHECK(listener.hears(scene.provider(), kHost) == policy.lan.inbound);
    CHECK(pings(scene.provider(), kHost) == policy.lan.inbound);
    // The internet is no local host, whatever the way.
    CHECK_FALSE(connects(scene.lab().internet(), kHost, kPort));
}

TEST_CASE("discovery by multicast and broadcast belongs to the local network", "[policy][lan]") {
    Scene scene(lan_policy());
    scene.protect();
    for (const char* const group :
         {"224.0.0.251", "224.0.0.252", "239.255.255.250", "255.255.255.255"}) {
        CAPTURE(group);
        CHECK(scene.escapes(scene.host(), Packet::udp, group, 5353, lab::Via::uplink));
    }
    CHECK_FALSE(scene.escapes(scene.host(), Packet::udp, "225.1.2.3", 5353, lab::Via::uplink));
    CHECK_FALSE(scene.escapes(scene.host(), Packet::udp, "ff02::fb", 5353, lab::Via::uplink));
    const Listener mdns(scene.host(), 5353);
    CHECK_FALSE(mdns.hears(scene.lab().internet(), kHost));
}
