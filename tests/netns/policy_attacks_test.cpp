// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab_tunnel.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;

namespace {

constexpr const char* kEndpoint = "203.0.113.7";
constexpr std::uint16_t kEndpointPort = 51820;

}  // namespace

TEST_CASE("what is not the tunnel's does not reach its server (ServerIP)", "[policy][attack]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(tun_policy(), armed);
    scene.protect();
    const bool leaks = armed == Armed::no;
    const std::uint64_t before = leaks ? 0 : scene.counted("endpoint-guard");

    // The attack's DNS answer names the server as the web site; its host route does the rest.
    CHECK(scene.escapes(scene.host(), Packet::tcp, kEndpoint, 443) == leaks);
    CHECK(scene.escapes(scene.host(), Packet::tcp, kEndpoint, kEndpointPort) == leaks);
    CHECK(scene.escapes(scene.host(), Packet::udp, kEndpoint, 443) == leaks);
    CHECK(scene.escapes(scene.host(), Packet::udp, kEndpoint, kEndpointPort) == leaks);
    CHECK(scene.escapes(scene.host(), Packet::icmp, kEndpoint) == leaks);
    if (!leaks) {
        CHECK(scene.counted("endpoint-guard") >= before + 5);
    }
    // DNS has a reason of its own.
    CHECK(scene.escapes(scene.host(), Packet::dns_udp, kEndpoint, 53) == leaks);
    scene.stage().expect_tunnel_works("beside the attack");
    scene.check_steps();
}

TEST_CASE("routes from DHCP do not lead past the tunnel (TunnelVision)", "[policy][attack]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    lab::LabOptions options;
    options.dhcp_routes = {*Prefix::parse("198.51.100.0/24"), *Prefix::parse("192.0.0.0/3")};
    Policy policy = tun_policy();
    policy.lan.allow = true;  // The victim trusts its local network even.
    Scene scene(policy, armed, std::move(options));
    scene.protect();
    const bool leaks = armed == Armed::no;

    const auto lease = lab::dhcp_lease(scene.host(), "up0");
    REQUIRE(lease);
    REQUIRE(lease->routes.size() == 2);
    for (const Prefix& route : lease->routes) {
        must(scene.host().net().add_route(
            {.to = route, .device = "up0", .gateway = lab::ip(lab::addr::kRouter[0])}));
    }

    for (const char* const target : {lab::addr::kInternet, "200.1.2.3"}) {
        CAPTURE(target);
        CHECK(scene.escapes(scene.host(), Packet::tcp, target, 443) == leaks);
        CHECK(scene.escapes(scene.host(), Packet::udp, target, 443) == leaks);
        CHECK(scene.escapes(scene.host(), Packet::dns_udp, target, 53) == leaks);
        CHECK(scene.escapes(scene.host(), Packet::icmp, target) == leaks);
        CHECK(scene.escapes(scene.guest(), Packet::udp, target, 443) == leaks);
    }
}

TEST_CASE("routes for IPv6 do not lead past the tunnel", "[policy][attack][ipv6]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Policy policy = tun_policy();
    policy.ipv6 = GENERATE(Ipv6::block, Ipv6::tunnel);
    policy.lan.allow = true;
    Scene scene(policy, armed);
    scene.protect();
    const bool leaks = armed == Armed::no;

    must(scene.host().net().add_route({.to = *Prefix::parse("2001:db8:100::/48"),
                                       .device = "up0",
                                       .gateway = lab::ip(lab::addr::kRouter6[0])}));

    CHECK(scene.escapes(scene.host(), Packet::tcp, lab::addr::kInternet6, 443) == leaks);
    CHECK(scene.escapes(scene.host(), Packet::udp, lab::addr::kInternet6, 443) == leaks);
    CHECK(scene.escapes(scene.host(), Packet::dns_udp, lab::addr::kInternet6, 53) == leaks);
    CHECK(scene.escapes(scene.guest(), Packet::udp, lab::addr::kInternet6, 443) == leaks);
}
