// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/reach.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/neighbour.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;

namespace {

constexpr const char* kRouter = lab::addr::kRouter6[0];
constexpr const char* kHost = lab::addr::kHost6[0];
constexpr const char* kAllNodes = "ff02::1";
constexpr const char* kAllRouters = "ff02::2";
constexpr const char* kRouterOnLink = "fe80::1";
constexpr const char* kOffered = "2001:db8:66::";
constexpr const char* kOfferedRoute = "2001:db8:100::";
constexpr std::uint8_t kForged = 64;

/// What the host may send.
const std::array<NeighbourMessage, 3>& sent() {
    static const std::array<NeighbourMessage, 3> all{
        {{kRouterSolicit, kAllRouters, std::string(4, '\0')},
         {kNeighbourSolicit, kRouter, about_neighbour(kRouter)},
         {kNeighbourAdvert, kRouter, about_neighbour(kHost)}}};
    return all;
}

/// Whether the message is seen to leave the host.
bool leaves(Scene& scene, NeighbourMessage message, std::uint8_t hop_limit) {
    message.hop_limit = hop_limit;
    const std::size_t before = scene.lab().capture().size();
    send_neighbour(scene.host(), "up0", message);
    must(scene.lab().capture().settle());
    const auto frames = scene.lab().capture().since(before);
    return std::ranges::any_of(frames, [&](const lab::FrameInfo& frame) {
        return frame.icmp_type == message.type && frame.destination == lab::ip(message.to);
    });
}

/// Makes the host listen to advertisements although it routes, and gives the router a voice.
void believe_advertisements(Scene& scene) {
    must(scene.host().sysctl("net/ipv6/conf/up0/accept_ra", "2"));
    must(scene.host().sysctl("net/ipv6/conf/up0/accept_ra_rt_info_max_plen", "64"));
    must(scene.provider().net().add_address("wan0", lab::ip(kRouterOnLink), 64));
}

void advertise(Scene& scene, const char* source) {
    send_neighbour(scene.provider(), "wan0",
                   {kRouterAdvert, kAllNodes, advertisement(kOffered, kOfferedRoute), 255, source});
}

std::string show(Scene& scene, const std::vector<std::string>& argv) {
    auto shown = scene.host().spawn(argv);
    REQUIRE((shown && shown->wait(kPatience)));
    return shown->output();
}

/// Whether the host has taken what the advertisement offers.
bool believes(Scene& scene) {
    const std::string addresses = show(scene, {"ip", "-6", "address", "show", "dev", "up0"});
    const std::string routes = show(scene, {"ip", "-6", "route", "show", "dev", "up0"});
    return addresses.find("2001:db8:66:") != std::string::npos &&
           routes.find("2001:db8:100::/48") != std::string::npos;
}

void forget(Scene& scene) {
    must_run(scene.host(), {"ip", "-6", "route", "flush", "proto", "ra"});
    must_run(scene.host(),
             {"ip", "-6", "address", "flush", "dev", "up0", "to", "2001:db8:66::/64"});
}

}  // namespace

TEST_CASE("without need for IPv6 outside, no neighbour discovery passes", "[policy][neighbours]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(tun_policy(), armed);
    const bool open = armed == Armed::no;
    believe_advertisements(scene);
    scene.locked_and_protected([&] {
        for (const NeighbourMessage& message : sent()) {
            CAPTURE(int{message.type});
            CHECK(leaves(scene, message, 255) == open);
        }
        advertise(scene, kRouterOnLink);
        CHECK(lab::eventually(lab::Millis{open ? 5000 : 300}, [&] { return believes(scene); }) ==
              open);
        forget(scene);
    });
}

TEST_CASE("neighbour discovery leaves with the hop limit of neighbours alone",
          "[policy][neighbours]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_policy(), armed);
    scene.locked_and_protected([&] {
        for (const NeighbourMessage& message : sent()) {
            CAPTURE(int{message.type});
            CHECK(leaves(scene, message, 255));
            CHECK(leaves(scene, message, kForged) == (armed == Armed::no));
        }
    });
}

TEST_CASE("neighbour discovery reaches neighbours alone", "[policy][neighbours]") {
    constexpr const char* kRouterElsewhere = "2001:db8:99::1";
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_policy(), armed);
    const bool open = armed == Armed::no;
    const auto mac = scene.provider().net().mac("wan0");
    REQUIRE(mac);
    must(scene.host().net().add_neighbour("up0", lab::ip(kRouterElsewhere), *mac));
    scene.locked_and_protected([&] {
        for (const std::uint8_t type : {kRouterSolicit, kNeighbourSolicit, kNeighbourAdvert}) {
            CAPTURE(int{type});
            const auto to = [&](const char* address) {
                return leaves(scene, {type, address, about_neighbour(kHost)}, 255);
            };
            CHECK(to(lab::addr::kInternet6) == open);
            CHECK(to(kFamilies[1].endpoint) == open);
            CHECK(to(kRouterElsewhere) == open);
        }
        // A router may be outside of every network that is here.
        const std::vector<std::string> route{"default", "via",    kRouterElsewhere, "dev",
                                             "up0",     "onlink", "metric",         "9"};
        std::vector<std::string> command{"ip", "-6", "route", "add"};
        command.insert(command.end(), route.begin(), route.end());
        must_run(scene.host(), command);
        CHECK(lab::eventually(kPatience, [&] {
            return leaves(scene, {kNeighbourSolicit, kRouterElsewhere, about_neighbour(kHost)},
                          255);
        }));
        command[3] = "del";
        must_run(scene.host(), command);
    });
}

TEST_CASE("neighbour discovery from elsewhere is not heard, nor are redirects",
          "[policy][neighbours]") {
    Scene scene(dual_policy());
    const auto heard = [&](std::uint8_t type, std::uint8_t hop_limit) {
        const std::string body = type == kRouterAdvert
                                     ? advertisement(kOffered, kOfferedRoute)
                                     : about_neighbour(kHost) + std::string(16, '\0');
        const std::uint64_t before = scene.counted("inbound");
        send_neighbour(scene.provider(), "wan0", {type, kHost, body, hop_limit, kRouter});
        must(scene.lab().capture().settle());
        return scene.counted("inbound") == before;
    };
    scene.locked_and_protected([&] {
        for (const std::uint8_t type : {kRouterAdvert, kNeighbourSolicit, kNeighbourAdvert}) {
            CAPTURE(int{type});
            CHECK(lab::eventually(kPatience, [&] { return heard(type, 255); }));
            CHECK(lab::eventually(kPatience, [&] { return !heard(type, kForged); }));
        }
        CHECK(lab::eventually(kPatience, [&] { return !heard(kRedirect, 255); }));
    });
}

TEST_CASE("routes that a router advertises do not lead past the tunnel",
          "[policy][neighbours][attack]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_policy(), armed);
    const bool open = armed == Armed::no;
    believe_advertisements(scene);
    const auto mac = scene.provider().net().mac("wan0");
    REQUIRE(mac);
    must(scene.host().net().add_neighbour("up0", lab::ip(kRouterOnLink), *mac));
    scene.locked_and_protected([&] {
        advertise(scene, kRouter);  // Not from this link: the kernel itself does not believe it.
        advertise(scene, kRouterOnLink);
        CHECK(lab::eventually(kPatience, [&] { return believes(scene); }));
        const char* const internet = lab::addr::kInternet6;
        CHECK(scene.escapes(scene.host(), Packet::udp, internet, 443) == open);
        CHECK(scene.escapes(scene.host(), Packet::tcp, internet, 443) == open);
        CHECK(scene.escapes(scene.host(), Packet::dns_udp, internet, 53) == open);
        CHECK(scene.escapes(scene.guest(), Packet::udp, internet, 443) == open);
        forget(scene);
        advertise(scene, kRouter);
        CHECK_FALSE(lab::eventually(lab::Millis{300}, [&] { return believes(scene); }));
    });
}

TEST_CASE("nobody on an uplink learns that the tunnel's IPv6 address is here",
          "[policy][neighbours][spoof]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_policy(), armed);
    scene.protect();
    const auto answered = [&](const char* target) {
        const std::size_t before = scene.lab().capture().size();
        send_neighbour(scene.provider(), "wan0",
                       {kNeighbourSolicit, kAllNodes, about_neighbour(target), 255, kRouter});
        return lab::eventually(lab::Millis{300}, [&] {
            must(scene.lab().capture().settle());
            const auto frames = scene.lab().capture().since(before);
            return std::ranges::any_of(frames, [](const lab::FrameInfo& frame) {
                return frame.icmp_type == kNeighbourAdvert;
            });
        });
    };

    CHECK(answered(kHost));
    CHECK_FALSE(answered(lab::addr::kTunnelHost6));
}

TEST_CASE("an IPv6 exception finds its router by itself", "[policy][neighbours][exceptions]") {
    const bool excepted = GENERATE(false, true);
    Policy policy = tun_policy();
    if (excepted) {
        AllowRule exception;
        exception.far = *Prefix::parse(kFamilies[1].internet_net);
        policy.outbound = {exception};
    }
    Scene scene(policy);
    scene.locked_and_protected([&] {
        scene.route_past_tunnel(kFamilies[1].internet_net);
        must_run(scene.host(), {"ip", "-6", "neighbour", "flush", "nud", "all", "dev", "up0"});
        CHECK(lab::reach(scene.host(),
                         {lab::Service::tcp_echo, lab::ip(lab::addr::kInternet6), 443, {}},
                         lab::Millis{excepted ? 5000 : 300})
                  .answered == excepted);
        scene.unroute_past_tunnel(kFamilies[1].internet_net);
    });
}

TEST_CASE("the host and a guest find each other by IPv6", "[policy][neighbours][guests]") {
    Policy policy = tun_policy();
    policy.ipv6 = GENERATE(Ipv6::block, Ipv6::tunnel);
    Scene scene(policy);
    const bool wanted = policy.ipv6 == Ipv6::tunnel;
    const auto forget_each_other = [&] {
        must_run(scene.host(), {"ip", "-6", "neighbour", "flush", "nud", "all", "dev", "br0"});
        must_run(scene.guest(), {"ip", "-6", "neighbour", "flush", "nud", "all", "dev", "eth0"});
    };
    scene.locked_and_protected([&] {
        forget_each_other();
        CHECK(pings(scene.host(), lab::addr::kGuest6) == wanted);
        forget_each_other();
        CHECK(pings(scene.guest(), "2001:db8:aa::1") == wanted);
    });
}
