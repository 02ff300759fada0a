// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/reach.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;
using lab::Via;

namespace {

constexpr const char* kInternet = lab::addr::kInternet;
constexpr const char* kElsewhere = "192.0.2.9";
constexpr const char* kHost = lab::addr::kHost[0];
constexpr std::uint16_t kPort = 8080;
constexpr uid_t kUser = 4711;
constexpr gid_t kGroup = 4712;

Policy with_outbound(AllowRule exception) {
    Policy policy = tun_policy();
    policy.outbound = {std::move(exception)};
    return policy;
}

bool answers(const lab::Node& from, lab::Service service, const char* to, std::uint16_t port) {
    return lab::reach(from, {service, lab::ip(to), port, {}}, lab::Millis{500}).answered;
}

bool leaves(Scene& scene, Packet packet, const char* to, std::uint16_t port) {
    return scene.escapes(scene.host(), packet, to, port);
}

void set_up(Scene& scene, bool with_tunnel) {
    scene.lock();
    if (with_tunnel) {
        scene.stage().connect();
        scene.check_steps();
    }
    // The exception's packets would follow the tunnel's routes.
    for (const char* const network : {"198.51.100.0/24", "192.0.2.0/24", "2001:db8:100::/48"}) {
        scene.route_past_tunnel(network);
    }
}

/// One exception for each of `networks`, alike otherwise.
std::vector<AllowRule> for_each(std::initializer_list<const char*> networks,
                                const std::vector<PortSpec>& ports) {
    std::vector<AllowRule> exceptions;
    for (const char* const network : networks) {
        AllowRule exception;
        exception.far = *Prefix::parse(network);
        exception.ports = ports;
        exceptions.push_back(std::move(exception));
    }
    return exceptions;
}

}  // namespace

TEST_CASE("an outbound exception with address and port opens that and nothing else",
          "[policy][exceptions]") {
    AllowRule exception;
    exception.far = *Prefix::parse("198.51.100.0/25");
    exception.ports = {{{443, 443}, proto::kTcp}, {{4433, 5201}, proto::kUdp}};
    Scene scene(with_outbound(exception));
    set_up(scene, GENERATE(false, true));

    CHECK(answers(scene.host(), lab::Service::tcp_echo, kInternet, 443));
    CHECK(answers(scene.host(), lab::Service::udp_echo, kInternet, 4433));
    CHECK(answers(scene.host(), lab::Service::udp_echo, kInternet, 5201));
    CHECK_FALSE(leaves(scene, Packet::udp, kInternet, 443));
    CHECK_FALSE(leaves(scene, Packet::tcp, kInternet, 80));
    CHECK_FALSE(leaves(scene, Packet::udp, kInternet, 4432));
    CHECK_FALSE(leaves(scene, Packet::udp, kInternet, 5202));
    CHECK_FALSE(leaves(scene, Packet::icmp, kInternet, 0));
    CHECK_FALSE(leaves(scene, Packet::tcp, "198.51.100.129", 443));
    CHECK_FALSE(leaves(scene, Packet::tcp, kElsewhere, 443));
    CHECK_FALSE(leaves(scene, Packet::dns_udp, kInternet, 53));
    CHECK_FALSE(scene.escapes(scene.host(), Packet::tcp, lab::addr::kInternet6, 443, Via::uplink));
    CHECK_FALSE(scene.escapes(scene.guest(), Packet::tcp, kInternet, 443));
}

TEST_CASE("the exceptions' probes leave a disarmed host", "[policy][exceptions]") {
    Scene scene(tun_policy(), Armed::no);
    set_up(scene, true);

    CHECK(leaves(scene, Packet::udp, kInternet, 443));
    CHECK(leaves(scene, Packet::tcp, kElsewhere, 443));
    CHECK(leaves(scene, Packet::icmp, kInternet, 0));
    CHECK(leaves(scene, Packet::dns_udp, kInternet, 53));
    CHECK(scene.escapes(scene.host(), Packet::tcp, lab::addr::kInternet6, 443, Via::uplink));
    const Listener listener(scene.host(), kPort);
    CHECK(connects(scene.lab().internet(), kHost, kPort));
}

TEST_CASE("an outbound exception of a user or group is nobody else's", "[policy][exceptions]") {
    const bool by_user = GENERATE(true, false);
    AllowRule exception;
    exception.user = by_user ? std::optional<uid_t>(kUser) : std::nullopt;
    exception.group = by_user ? std::nullopt : std::optional<gid_t>(kGroup);
    Scene scene(with_outbound(exception));
    set_up(scene, true);

    CHECK_FALSE(leaves(scene, Packet::tcp, kInternet, 443));
    {
        const SocketOwner owner(kUser, kGroup);
        CHECK(answers(scene.host(), lab::Service::tcp_echo, kInternet, 443));
        CHECK(answers(scene.host(), lab::Service::udp_echo, kElsewhere, 7));
        CHECK_FALSE(leaves(scene, Packet::dns_udp, kInternet, 53));
        CHECK_FALSE(leaves(scene, Packet::dns_tcp, kInternet, 53));
        CHECK_FALSE(leaves(scene, Packet::tcp, kInternet, 853));
        CHECK_FALSE(leaves(scene, Packet::udp, "203.0.113.7", 443));
        CHECK_FALSE(
            scene.escapes(scene.host(), Packet::tcp, lab::addr::kInternet6, 443, Via::uplink));
    }
    const SocketOwner stranger(kUser + 1, kGroup + 1);
    CHECK_FALSE(leaves(scene, Packet::tcp, kInternet, 443));
}

TEST_CASE("an outbound exception of an interface holds there alone", "[policy][exceptions]") {
    AllowRule exception;
    exception.far = *Prefix::parse("198.51.100.0/24");
    exception.interface = "up1";
    Scene scene(with_outbound(exception));
    set_up(scene, true);

    CHECK_FALSE(leaves(scene, Packet::udp, kInternet, 443));
    must(scene.host().net().add_route({.to = *Prefix::parse("198.51.100.0/24"),
                                       .device = "up1",
                                       .gateway = lab::ip(lab::addr::kRouter[1])}));
    CHECK(leaves(scene, Packet::udp, kInternet, 443));
    CHECK_FALSE(leaves(scene, Packet::udp, kElsewhere, 443));
}

TEST_CASE("DNS leaves by an exception only where its ports say so", "[policy][exceptions][dns]") {
    const bool named = GENERATE(false, true);
    Policy policy = tun_policy();
    policy.outbound =
        for_each({"198.51.100.0/24", "2001:db8:100::/48"},
                 named ? std::vector<PortSpec>{{{53, 53}, proto::kUdp}} : std::vector<PortSpec>{});
    Scene scene(policy);
    set_up(scene, GENERATE(false, true));
    for (const Addresses& at : kFamilies) {
        CAPTURE(at.internet);
        CHECK(leaves(scene, Packet::udp, at.internet, 443) == !named);
        CHECK(leaves(scene, Packet::dns_udp, at.internet, 53) == named);
        CHECK_FALSE(leaves(scene, Packet::dns_tcp, at.internet, 53));
        CHECK_FALSE(leaves(scene, Packet::tcp, at.internet, 853));
    }
}

TEST_CASE("an outbound exception opens nothing inwards", "[policy][exceptions]") {
    Policy policy = tun_policy();
    policy.outbound = for_each({"0.0.0.0/0", "::/0"}, {});
    Scene scene(policy);
    set_up(scene, GENERATE(false, true));
    const Listener listener(scene.host(), kPort);
    for (const Addresses& at : kFamilies) {
        CAPTURE(at.internet);
        CHECK(answers(scene.host(), lab::Service::tcp_echo, at.internet, 443));
        CHECK_FALSE(connects(scene.lab().internet(), at.host, kPort));
        CHECK_FALSE(listener.hears(scene.lab().internet(), at.host));
        CHECK_FALSE(pings(scene.lab().internet(), at.host));
    }
}

TEST_CASE("an inbound exception is answered and opens nothing else", "[policy][exceptions]") {
    // The internet's addresses towards us.
    constexpr std::array kCallers{"172.31.1.2", "fd31:1::2"};
    Policy policy = tun_policy();
    policy.inbound = for_each({"172.31.1.0/24", "fd31:1::/64"},
                              {{{kPort, kPort}, proto::kTcp}, {{kPort, kPort}, proto::kUdp}});
    Scene scene(policy);
    set_up(scene, GENERATE(false, true));
    scene.route_past_tunnel("172.31.1.0/24");
    scene.route_past_tunnel("fd31:1::/64");
    const Listener listener(scene.host(), kPort);
    const Listener other(scene.host(), kPort + 1);
    lab::Node& internet = scene.lab().internet();
    for (std::size_t i = 0; i < kFamilies.size(); ++i) {
        const char* const host = kFamilies.at(i).host;
        CAPTURE(host);
        CHECK(connects(internet, host, kPort));
        CHECK(listener.hears(internet, host));
        CHECK_FALSE(connects(internet, host, kPort + 1));
        CHECK_FALSE(other.hears(internet, host));
        CHECK_FALSE(pings(internet, host));
        CHECK_FALSE(connects(scene.provider(), host, kPort));
        // The port as a source port is no way out.
        CHECK_FALSE(leaves(scene, Packet::tcp, kCallers.at(i), 443));
        CHECK_FALSE(leaves(scene, Packet::udp, kCallers.at(i), kPort));
    }
}

TEST_CASE("the port of an inbound exception is no way out for its owner", "[policy][exceptions]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Policy policy = dual_policy();
    AllowRule exception;
    exception.ports = {{{kPort, kPort}, proto::kTcp}, {{kPort, kPort}, proto::kUdp}};
    policy.inbound = {exception};
    Scene scene(policy, armed);
    const bool open = armed == Armed::no;
    const auto sent_from_port = [&](const char* far, int type) {
        const lab::SocketAddress to(lab::ip(far), 443);
        const lab::SocketAddress own(lab::any_address(lab::ip(far).family), kPort);
        const auto fd = scene.host().socket(own.storage.ss_family, type | SOCK_NONBLOCK, 0);
        REQUIRE(fd);
        REQUIRE(bind(fd->get(), own.get(), own.size) == 0);
        const std::size_t before = scene.lab().capture().size();
        static_cast<void>(!connect(fd->get(), to.get(), to.size));
        static_cast<void>(!send(fd->get(), "out", 3, MSG_NOSIGNAL));
        must(scene.lab().capture().settle());
        const auto frames = scene.lab().capture().since(before);
        return std::ranges::any_of(frames, [&](const lab::FrameInfo& frame) {
            return frame.source_port == kPort && frame.destination == lab::ip(far);
        });
    };

    set_up(scene, GENERATE(false, true));
    for (const Addresses& at : kFamilies) {
        CAPTURE(at.internet);
        CHECK(sent_from_port(at.internet, SOCK_STREAM) == open);
        CHECK(sent_from_port(at.internet, SOCK_DGRAM) == open);
    }
}
