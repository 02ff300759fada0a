// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/dhcp_client.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/packet_socket.hpp"
#include "support/scene.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;

namespace {

constexpr std::uint16_t kEndpointPort = 51820;

/// Where in the whole a fragment is: offset in units of eight bytes, and whether more follow.
struct Piece {
    std::uint16_t offset;
    bool more;
};

void put16(std::string& bytes, std::size_t at, std::uint16_t value) {
    const std::uint16_t field = htons(value);
    bytes.replace(at, sizeof field, reinterpret_cast<const char*>(&field), sizeof field);
}

/// `packet`, made a fragment.
std::string as_fragment(std::string packet, IpFamily family, const Piece& piece) {
    if (family == IpFamily::v4) {
        put16(packet, 6, static_cast<std::uint16_t>(piece.offset | (piece.more ? 0x2000 : 0)));
        return packet;
    }
    constexpr std::size_t kHeader = 40;
    constexpr std::size_t kFragmentHeader = 8;
    std::string header(kFragmentHeader, '\0');
    header[0] = std::exchange(packet[6], '\x2c');
    put16(header, 2, static_cast<std::uint16_t>(piece.offset << 3 | (piece.more ? 1 : 0)));
    put16(packet, 4, static_cast<std::uint16_t>(packet.size() - kHeader + kFragmentHeader));
    return packet.insert(kHeader, header);
}

/// Whether one IP packet, sent as it is on the first uplink, is seen outside. Only its length and
/// destination tell it from the tunnel's own.
bool packet_escapes(Scene& scene, const IpAddress& to, const std::string& packet) {
    constexpr std::size_t kEthernet = 14;
    const lab::SocketAddress address(to, 0);
    const auto socket = scene.host().socket(lab::domain_of(to), SOCK_RAW, IPPROTO_RAW);
    REQUIRE(socket);
    REQUIRE(lab::bind_to_device(socket->get(), "up0"));
    const std::size_t before = scene.lab().capture().size();
    static_cast<void>(
        sendto(socket->get(), packet.data(), packet.size(), 0, address.get(), address.size));
    must(scene.lab().capture().settle());
    const auto frames = scene.lab().capture().since(before);
    return std::ranges::any_of(frames, [&](const lab::FrameInfo& frame) {
        return frame.destination == to && frame.length == kEthernet + packet.size();
    });
}

/// Whether a datagram with the VPN's mark is seen to leave the first uplink.
bool marked_escapes(Scene& scene, const char* to, std::uint16_t port) {
    const std::uint32_t tag = lab::next_tag();
    const std::string text = lab::tag_text(tag);
    const lab::SocketAddress address(lab::ip(to), port);
    const auto socket = scene.host().socket(address.storage.ss_family, SOCK_DGRAM, 0);
    REQUIRE(socket);
    REQUIRE(lab::bind_to_device(socket->get(), "up0"));
    REQUIRE(lab::set_option(socket->get(), SOL_SOCKET, SO_MARK, 0xca6c));
    const std::size_t before = scene.lab().capture().size();
    static_cast<void>(
        sendto(socket->get(), text.data(), text.size(), 0, address.get(), address.size));
    must(scene.lab().capture().settle());
    const auto frames = scene.lab().capture().since(before);
    return std::ranges::any_of(frames,
                               [&](const lab::FrameInfo& frame) { return frame.tag == tag; });
}

}  // namespace

TEST_CASE("fragments that somebody makes do not leave", "[policy][attack]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_policy(), armed);
    const bool open = armed == Armed::no;
    const auto escapes = [&](const Addresses& at, const char* to, std::uint16_t port,
                             const Piece& piece) {
        const IpAddress far = lab::ip(to);
        const UdpPacket packet{lab::ip(at.host), far, port, std::string(1000, 'x')};
        return packet_escapes(scene, far, as_fragment(ip_bytes(packet), far.family, piece));
    };
    scene.locked_and_protected([&] {
        for (const Addresses& at : kFamilies) {
            for (const Piece& piece : {Piece{0, true}, Piece{8, true}, Piece{8, false}}) {
                CAPTURE(at.internet, piece.offset, piece.more);
                CHECK(escapes(at, at.internet, 443, piece) == open);
                CHECK(escapes(at, at.endpoint, 443, piece) == open);
                // With the right port, but without the mark of the VPN.
                CHECK(escapes(at, at.endpoint, kEndpointPort, piece) == open);
            }
        }
    });
}

TEST_CASE("the VPN's mark opens the way to its server alone", "[policy][attack]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_policy(), armed);
    const bool open = armed == Armed::no;
    scene.locked_and_protected([&] {
        for (const Addresses& at : kFamilies) {
            CAPTURE(at.internet);
            CHECK(marked_escapes(scene, at.endpoint, kEndpointPort));
            CHECK(marked_escapes(scene, at.endpoint, 443) == open);
            CHECK(marked_escapes(scene, at.internet, kEndpointPort) == open);
            CHECK(marked_escapes(scene, at.router, 53) == open);
        }
    });
}

TEST_CASE("what is not the tunnel's does not reach its server (ServerIP)", "[policy][attack]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_policy(), armed);
    const bool open = armed == Armed::no;
    // The attack's DNS answer names the server as the web site; its host route does the rest.
    const auto escapes = [&](Packet packet, const char* to, std::uint16_t port) {
        return scene.escapes(scene.host(), packet, to, port, lab::Via::uplink);
    };
    scene.locked_and_protected([&] {
        for (const Addresses& at : kFamilies) {
            CAPTURE(at.endpoint);
            const std::uint64_t before = open ? 0 : scene.counted("endpoint-guard");
            CHECK(escapes(Packet::tcp, at.endpoint, 443) == open);
            CHECK(escapes(Packet::tcp, at.endpoint, kEndpointPort) == open);
            CHECK(escapes(Packet::udp, at.endpoint, 443) == open);
            CHECK(escapes(Packet::udp, at.endpoint, kEndpointPort) == open);
            CHECK(escapes(Packet::icmp, at.endpoint, 0) == open);
            CHECK((open || scene.counted("endpoint-guard") >= before + 5));
            // DNS has a reason of its own.
            CHECK(escapes(Packet::dns_udp, at.endpoint, 53) == open);
        }
    });
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
    const bool open = armed == Armed::no;
    scene.locked_and_protected([&] {
        const auto lease = lab::dhcp_lease(scene.host(), "up0");
        REQUIRE(lease);
        REQUIRE(lease->routes.size() == 2);
        for (const Prefix& route : lease->routes) {
            scene.route_past_tunnel(route.str().c_str());
        }
        for (const char* const target : {lab::addr::kInternet, "200.1.2.3"}) {
            CAPTURE(target);
            CHECK(scene.escapes(scene.host(), Packet::tcp, target, 443) == open);
            CHECK(scene.escapes(scene.host(), Packet::udp, target, 443) == open);
            CHECK(scene.escapes(scene.host(), Packet::dns_udp, target, 53) == open);
            CHECK(scene.escapes(scene.host(), Packet::icmp, target) == open);
            CHECK(scene.escapes(scene.guest(), Packet::udp, target, 443) == open);
        }
        for (const Prefix& route : lease->routes) {
            scene.unroute_past_tunnel(route.str().c_str());
        }
    });
}

TEST_CASE("routes for IPv6 do not lead past the tunnel", "[policy][attack][ipv6]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Policy policy = tun_policy();
    policy.ipv6 = GENERATE(Ipv6::block, Ipv6::tunnel);
    policy.lan.allow = true;
    Scene scene(policy, armed);
    const bool open = armed == Armed::no;
    const Addresses& at = kFamilies[1];
    scene.locked_and_protected([&] {
        scene.route_past_tunnel(at.internet_net);
        CHECK(scene.escapes(scene.host(), Packet::tcp, at.internet, 443) == open);
        CHECK(scene.escapes(scene.host(), Packet::udp, at.internet, 443) == open);
        CHECK(scene.escapes(scene.host(), Packet::dns_udp, at.internet, 53) == open);
        CHECK(scene.escapes(scene.guest(), Packet::udp, at.internet, 443) == open);
        scene.unroute_past_tunnel(at.internet_net);
    });
}
