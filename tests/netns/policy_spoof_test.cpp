// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"
#include "support/segment.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

using namespace ks;
using namespace ks::test;
using drills::Armed;

namespace {

constexpr std::uint16_t kPort = 8080;
constexpr std::uint16_t kFromPort = 443;

/// The hard case: everything of the local network may speak to the host.
Policy generous_policy() {
    Policy policy = tun_policy();
    policy.ipv6 = Ipv6::tunnel;
    policy.lan.allow = true;
    policy.lan.inbound = true;
    return policy;
}

struct Victim {
    const char* tunnel;   ///< The host's address in the tunnel.
    const char* gateway;  ///< The host's address on the link.
    const char* attacker;
};

constexpr Victim kV4{lab::addr::kTunnelHost, lab::addr::kHost[0], lab::addr::kRouter[0]};
constexpr Victim kV6{lab::addr::kTunnelHost6, "fd77::2", "fd77::1"};

/// The provider sends what is for the tunnel's address to the host's network card.
void aim(Scene& scene, const Victim& victim) {
    const IpAddress target = lab::ip(victim.tunnel);
    must(scene.provider().net().add_route({.to = Prefix::of(target, target.bits()),
                                           .device = "wan0",
                                           .gateway = lab::ip(victim.gateway)}));
}

/// Whether the host says anything about `victim.tunnel` on an uplink after that segment.
bool answers_segment(Scene& scene, const Victim& victim, std::uint8_t flags, std::uint16_t port) {
    const std::size_t before = scene.lab().capture().size();
    send_segment(scene.provider(), victim.attacker, victim.tunnel, flags, kFromPort, port);
    const auto answered = [&] {
        must(scene.lab().capture().settle());
        const auto frames = scene.lab().capture().since(before);
        return std::ranges::any_of(frames, [&](const lab::FrameInfo& frame) {
            return frame.source == lab::ip(victim.tunnel) && frame.protocol == proto::kTcp;
        });
    };
    return lab::eventually(lab::Millis{200}, answered);
}

/// Whether the host answers ARP for `address` on its first uplink.
bool answers_arp(Scene& scene, const char* address) {
    const std::size_t before = scene.lab().capture().size();
    must(scene.provider().net().add_route(
        {.to = Prefix::of(lab::ip(address), 32), .device = "wan0"}));
    static_cast<void>(pings(scene.provider(), address));  // Has to ask who has the address.
    must(scene.lab().capture().settle());
    const auto frames = scene.lab().capture().since(before);
    return std::ranges::any_of(frames, [&](const lab::FrameInfo& frame) {
        return frame.ethertype == lab::kEtherArp && frame.source == lab::ip(address);
    });
}

}  // namespace

TEST_CASE("packets to the tunnel's address that come by another way find nobody (CVE-2019-14899)",
          "[policy][spoof][attack]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    const bool v6 = GENERATE(false, true);
    const Victim& victim = v6 ? kV6 : kV4;
    Scene scene(generous_policy(), armed);
    scene.protect();
    const Listener listener(scene.host(), kPort);
    aim(scene, victim);
    CHECK(pings(scene.provider(), victim.gateway));
    CHECK(connects(scene.provider(), victim.gateway, kPort));
    const std::uint64_t before = armed == Armed::yes ? scene.counted("spoof") : 0;

    const bool open = armed == Armed::no;
    CHECK(answers_segment(scene, victim, kSyn | kAck, kPort + 1) == open);  // RST
    CHECK(answers_segment(scene, victim, kSyn, kPort) == open);             // SYN+ACK
    CHECK(answers_segment(scene, victim, kAck, kPort) == open);             // RST
    CHECK(connects(scene.provider(), victim.tunnel, kPort) == open);
    CHECK(listener.hears(scene.provider(), victim.tunnel) == open);
    CHECK(pings(scene.provider(), victim.tunnel) == open);
    if (armed == Armed::yes) {
        CHECK(scene.counted("spoof") >= before + 6);
    }
    scene.stage().expect_tunnel_works("under the attack");
    scene.check_steps();
}

TEST_CASE("the tunnel's own traffic to its address passes", "[policy][spoof]") {
    Policy policy = generous_policy();
    policy.tunnels[0].inbound.all = true;
    Scene scene(policy);
    scene.protect();
    const Listener listener(scene.host(), kPort);

    CHECK(connects(scene.lab().vpn(), lab::addr::kTunnelHost, kPort));
    CHECK(listener.hears(scene.lab().vpn(), lab::addr::kTunnelHost));
    CHECK(pings(scene.lab().vpn(), lab::addr::kTunnelHost6));
    CHECK(pings(scene.host(), lab::addr::kTunnelHost));
    CHECK(scene.counted("spoof") == 0);
}

TEST_CASE("a guest cannot knock at the tunnel's address either", "[policy][spoof][guests]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(tun_policy(), armed);
    scene.protect();
    const Listener listener(scene.host(), kPort);

    CHECK(connects(scene.guest(), "10.77.0.1", kPort));
    CHECK(connects(scene.guest(), lab::addr::kTunnelHost, kPort) == (armed == Armed::no));
}

TEST_CASE("ARP for the tunnel's address is not answered on an uplink", "[policy][spoof][arp]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(generous_policy(), armed);
    scene.protect();
    constexpr const char* kOther = "192.168.77.9";
    must(scene.host().net().add_address("up0", lab::ip(kOther), 24));

    CHECK(answers_arp(scene, lab::addr::kTunnelHost) == (armed == Armed::no));
    CHECK(answers_arp(scene, kOther));
}

TEST_CASE("the tunnel's address leaves by no other way", "[policy][spoof]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(generous_policy(), armed);
    scene.protect();
    for (const Victim& own : {kV4, kV6}) {
        CAPTURE(own.tunnel);
        const std::size_t before = scene.lab().capture().size();
        send_datagram(scene.host(), own.tunnel, kFromPort, own.attacker, kPort);
        must(scene.lab().capture().settle());
        const auto frames = scene.lab().capture().since(before);
        CHECK(std::ranges::any_of(frames, [&](const lab::FrameInfo& frame) {
                  return frame.source == lab::ip(own.tunnel);
              }) == (armed == Armed::no));
    }
    scene.check_steps();
}
