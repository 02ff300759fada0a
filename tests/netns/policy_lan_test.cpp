// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

#include <array>
#include <cstdint>
#include <utility>

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

/// The widest: IPv6 may be local as well.
Policy dual_lan_policy() {
    Policy policy = dual_policy();
    policy.lan.allow = true;
    return policy;
}

/// A network that the host is in, as far as its first uplink tells.
struct Claim {
    const char* host;
    const char* neighbour;  ///< The router plays it.
    std::uint8_t length;
};

void meet(Scene& scene, const char* neighbour) {
    const auto mac = scene.provider().net().mac("wan0");
    REQUIRE(mac);
    must(scene.host().net().add_neighbour("up0", lab::ip(neighbour), *mac));
}

void join(Scene& scene, const Claim& claim) {
    must(scene.host().net().add_address("up0", lab::ip(claim.host), claim.length));
    meet(scene, claim.neighbour);
}

void leave(Scene& scene, const Claim& claim) {
    must(scene.host().net().delete_address("up0", lab::ip(claim.host), claim.length));
}

}  // namespace

TEST_CASE("by default nothing reaches the local network", "[policy][lan]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(tun_policy(), armed);
    const bool open = armed == Armed::no;
    const Listener theirs(scene.provider(), kPort);
    const Listener ours(scene.host(), kPort);
    const auto sent = [&](Packet packet, const char* to, std::uint16_t port) {
        return scene.escapes(scene.host(), packet, to, port, lab::Via::uplink);
    };
    scene.locked_and_protected([&] {
        for (const Addresses& at : kFamilies) {
            CAPTURE(at.router);
            CHECK(sent(Packet::icmp, at.router, 0) == open);
            CHECK(sent(Packet::tcp, at.router, kPort) == open);
            CHECK(sent(Packet::udp, at.router, kPort) == open);
            CHECK(theirs.hears(scene.host(), at.lan_router) == open);
            CHECK(pings(scene.provider(), at.host) == open);
            CHECK(connects(scene.provider(), at.host, kPort) == open);
            CHECK(ours.hears(scene.provider(), at.host) == open);
        }
        for (const char* const group :
             {"224.0.0.251", "239.255.255.250", "255.255.255.255", "ff02::fb"}) {
            CAPTURE(group);
            CHECK(sent(Packet::udp, group, 5353) == open);
        }
        CHECK(sent(Packet::udp, "ff02::1:2", 547) == open);  // DHCPv6
    });
}

TEST_CASE("an allowed local network is reached, locked and protected", "[policy][lan]") {
    Scene scene(lan_policy());
    const Listener listener(scene.provider(), kPort);
    scene.locked_and_protected([&] {
        CHECK(pings(scene.host(), kRouter));
        CHECK(connects(scene.host(), kRouter, kPort));
        CHECK(listener.hears(scene.host(), kRouter));
        CHECK_FALSE(pings(scene.host(), kRouter6));
        CHECK_FALSE(leaks(scene));
        // A neighbouring uplink's network, by way of this one's router.
        CHECK_FALSE(
            scene.escapes(scene.host(), Packet::udp, lab::addr::kRouter[1], 443, lab::Via::uplink));
    });
}

TEST_CASE("with IPv6 in the tunnel, the local network is reached by IPv6", "[policy][lan]") {
    Policy policy = lan_policy();
    policy.ipv6 = Ipv6::tunnel;
    Scene scene(policy);
    must(scene.provider().net().add_address("wan0", lab::ip("fe80::1"), 64));
    scene.locked_and_protected([&] {
        CHECK(pings(scene.host(), kRouter6));
        CHECK(pings(scene.host(), "fe80::1", "up0"));
        CHECK(scene.escapes(scene.host(), Packet::udp, "ff02::fb", 5353, lab::Via::uplink));
        // The provider's public prefix is on the link, and public all the same.
        CHECK_FALSE(pings(scene.host(), lab::addr::kRouter6[0]));
        CHECK_FALSE(leaks(scene));
    });
}

TEST_CASE("a public prefix on the link is not local (LocalNet)", "[policy][lan][attack]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_lan_policy(), armed);
    const bool open = armed == Armed::no;
    // What TunnelCrack's network hands out by DHCP: the target looks like a neighbour.
    const std::array<Claim, 2> claims{{{"198.51.100.77", lab::addr::kInternet, 24},
                                       {"2001:db8:100::77", lab::addr::kInternet6, 48}}};
    const Claim honest{"172.16.9.2", "172.16.9.1", 24};
    scene.locked_and_protected([&] {
        for (const Claim& claim : claims) {
            join(scene, claim);
        }
        join(scene, honest);  // Last: when it is seen, the others were.
        REQUIRE((open || scene.await_rules_with("172.16.9.0")));
        for (const Claim& claim : claims) {
            CAPTURE(claim.neighbour);
            CHECK(scene.escapes(scene.host(), Packet::udp, claim.neighbour, 443) == open);
            CHECK(scene.escapes(scene.host(), Packet::tcp, claim.neighbour, 443) == open);
            leave(scene, claim);
        }
        CHECK(pings(scene.host(), kRouter));
        CHECK(pings(scene.host(), kRouter6));
        leave(scene, honest);
        REQUIRE((open || scene.await_rules_without("172.16.9.0")));
    });
    if (armed == Armed::yes) {
        scene.stage().await("PROTECTED");
        scene.check_steps();
    }
}

TEST_CASE("local networks that come and go are followed", "[policy][lan]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_lan_policy(), armed);
    const bool open = armed == Armed::no;
    const std::array<std::pair<const char*, Claim>, 2> networks{
        {{"172.16.5.0/24", {"172.16.5.2", "172.16.5.1", 24}},
         {"fd05::/64", {"fd05::2", "fd05::1", 64}}}};
    scene.locked_and_protected([&] {
        for (const auto& [network, claim] : networks) {
            CAPTURE(network);
            const auto reached = [&, neighbour = claim.neighbour] {
                return scene.escapes(scene.host(), Packet::udp, neighbour, 443);
            };
            const auto becomes = [&](bool wanted) {
                return lab::eventually(kPatience, [&] { return reached() == wanted; });
            };
            must(scene.host().net().add_route({.to = *Prefix::parse(network), .device = "up0"}));
            meet(scene, claim.neighbour);
            CHECK(reached() == open);

            join(scene, claim);
            CHECK(becomes(true));

            leave(scene, claim);
            must(scene.host().net().add_route({.to = *Prefix::parse(network), .device = "up0"}));
            meet(scene, claim.neighbour);
            CHECK(becomes(open));
        }
    });
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

TEST_CASE("a device called like a pattern lends its network to no other", "[policy][lan]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(lan_policy(), armed);
    must_run(scene.host(),
             {"sh", "-c",
              "ip link add 'u*' type veth peer x1 && ip address add 192.168.50.1/24 dev 'u*'"
              " && ip link set 'u*' up && ip route add 192.168.50.9 dev up0"});
    meet(scene, "192.168.50.9");
    scene.locked_and_protected([&] {
        CHECK(scene.escapes(scene.host(), Packet::udp, "192.168.50.9", kPort, lab::Via::routed) ==
              (armed == Armed::no));
    });
}

TEST_CASE("resolvers of the local network are asked only where the config says so",
          "[policy][lan][dns]") {
    Policy policy = dual_lan_policy();
    policy.lan.dns = GENERATE(false, true);
    Scene scene(policy);
    scene.locked_and_protected([&] {
        for (const Addresses& at : kFamilies) {
            CAPTURE(at.lan_router);
            const auto asks = [&](Packet packet, std::uint16_t port) {
                return scene.escapes(scene.host(), packet, at.lan_router, port);
            };
            CHECK(pings(scene.host(), at.lan_router));
            CHECK(asks(Packet::dns_udp, 53) == policy.lan.dns);
            CHECK(asks(Packet::dns_tcp, 53) == policy.lan.dns);
            CHECK(asks(Packet::tcp, 853) == policy.lan.dns);
            CHECK(asks(Packet::udp, 853) == policy.lan.dns);
            CHECK_FALSE(
                scene.escapes(scene.host(), Packet::dns_udp, at.internet, 53, lab::Via::uplink));
        }
    });
}

TEST_CASE("local hosts open connections only where the config says so", "[policy][lan]") {
    Policy policy = dual_lan_policy();
    policy.lan.inbound = GENERATE(false, true);
    Scene scene(policy);
    const Listener listener(scene.host(), kPort);
    scene.locked_and_protected([&] {
        for (const Addresses& at : kFamilies) {
            CAPTURE(at.lan_host);
            CHECK(pings(scene.host(), at.lan_router));
            CHECK(connects(scene.provider(), at.lan_host, kPort) == policy.lan.inbound);
            CHECK(listener.hears(scene.provider(), at.lan_host) == policy.lan.inbound);
            CHECK(pings(scene.provider(), at.lan_host) == policy.lan.inbound);
            // The internet is no local host, whatever the way.
            CHECK_FALSE(connects(scene.lab().internet(), at.host, kPort));
        }
    });
}

TEST_CASE("discovery by multicast and broadcast belongs to the local network", "[policy][lan]") {
    Scene scene(lan_policy());
    const Listener mdns(scene.host(), 5353);
    const auto sent_to = [&](const char* group) {
        return scene.escapes(scene.host(), Packet::udp, group, 5353, lab::Via::uplink);
    };
    scene.locked_and_protected([&] {
        for (const char* const group :
             {"224.0.0.251", "224.0.0.252", "239.255.255.250", "255.255.255.255"}) {
            CAPTURE(group);
            CHECK(sent_to(group));
        }
        CHECK_FALSE(sent_to("225.1.2.3"));
        CHECK_FALSE(sent_to("ff02::fb"));
        CHECK_FALSE(mdns.hears(scene.lab().internet(), kHost));
    });
}
