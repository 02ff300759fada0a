// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab_tunnel.hpp"
#include "support/node_run.hpp"
#include "support/packet_socket.hpp"
#include "support/scene.hpp"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;

namespace {

constexpr const char* kEndpoint = "203.0.113.7";
constexpr std::uint16_t kEndpointPort = 51820;

/// Whether one IPv4 packet with this flags-and-offset field, sent as it is, is seen outside.
bool fragment_escapes(Scene& scene, const char* to, std::uint16_t port, std::uint16_t fragment) {
    std::string packet =
        ip_bytes({lab::ip(lab::addr::kHost[0]), lab::ip(to), port, std::string(64, 'x')});
    const std::uint16_t field = htons(fragment);
    packet.replace(6, sizeof field, reinterpret_cast<const char*>(&field), sizeof field);
    const auto socket = scene.host().socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    REQUIRE(socket);
    const std::string device = "up0";
    REQUIRE(setsockopt(socket->get(), SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                       static_cast<socklen_t>(device.size())) == 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    REQUIRE(inet_pton(AF_INET, to, &address.sin_addr) == 1);
    const std::size_t before = scene.lab().capture().size();
    static_cast<void>(sendto(socket->get(), packet.data(), packet.size(), 0,
                             reinterpret_cast<const sockaddr*>(&address), sizeof address));
    must(scene.lab().capture().settle());
    for (const lab::FrameInfo& frame : scene.lab().capture().since(before)) {
        if (frame.destination == lab::ip(to)) {
            return true;
        }
    }
    return false;
}

}  // namespace

TEST_CASE("fragments that somebody makes do not leave", "[policy][attack]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(tun_policy(), armed);
    scene.lock();
    const bool leaks = armed == Armed::no;
    constexpr std::uint16_t kFirst = 0x2000;
    constexpr std::uint16_t kMiddle = 0x2008;
    constexpr std::uint16_t kLast = 0x0008;

    for (const std::uint16_t fragment : {kFirst, kMiddle, kLast}) {
        CAPTURE(fragment);
        CHECK(fragment_escapes(scene, lab::addr::kInternet, 443, fragment) == leaks);
        CHECK(fragment_escapes(scene, kEndpoint, 443, fragment) == leaks);
        // With the right port, but without the mark of the VPN.
        CHECK(fragment_escapes(scene, kEndpoint, kEndpointPort, fragment) == leaks);
    }
}

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
