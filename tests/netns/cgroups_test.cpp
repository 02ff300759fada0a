// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/own_cgroup.hpp"
#include "support/scene.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;

namespace {

bool leaves(Scene& scene, const char* to, std::uint16_t port) {
    return scene.escapes(scene.host(), Packet::udp, to, port, lab::Via::uplink);
}

/// Waits until every packet at the internet leaves, or none.
bool becomes(Scene& scene, bool leak) {
    return lab::eventually(kPatience, [&] {
        return std::ranges::all_of(kFamilies, [&](const Addresses& at) {
            return leaves(scene, at.internet, 443) == leak;
        });
    });
}

/// Another table sends what is for the internet out of the tunnel, and hides the tunnel's address.
void send_past_tunnel(Scene& scene) {
    const Addresses& at = kFamilies[0];
    must_run(scene.host(),
             {"ip", "route", "add", "default", "table", "77", "dev", "up0", "via", at.router});
    must_run(scene.host(), {"ip", "rule", "add", "fwmark", "7", "lookup", "77"});
    must_run(
        scene.host(),
        {"nft", fmt::format("add table inet other; add chain inet other out {{ type route hook "
                            "output priority -150; }}; add rule inet other out ip daddr {} "
                            "meta mark set 7; add chain inet other post {{ type nat hook "
                            "postrouting priority 100; }}; add rule inet other post oifname up0 "
                            "masquerade",
                            at.internet)});
}

/// By the route, so into the tunnel where nothing sends it elsewhere.
bool strays(Scene& scene) {
    return scene.escapes(scene.host(), Packet::udp, kFamilies[0].internet, 443);
}

}  // namespace

TEST_CASE("a confined cgroup is confined where another table sends its packets",
          "[policy][apps][cgroup][reroute]") {
    const OwnCgroup cgroup;
    cgroup.make();
    Policy policy = dual_policy();
    policy.raw = Raw::allow;
    policy.scope = Scope::apps;
    policy.apps.cgroups = {cgroup.path()};
    Scene scene(policy);
    scene.protect();
    send_past_tunnel(scene);
    CHECK(strays(scene));

    cgroup.enter();
    CHECK_FALSE(strays(scene));
    cgroup.leave();
}

TEST_CASE("a cgroup's exception holds where another table sends its packets, and for it alone",
          "[policy][exceptions][cgroup][reroute]") {
    const OwnCgroup cgroup;
    cgroup.make();
    Policy policy = dual_policy();
    policy.raw = Raw::allow;
    AllowRule exception;
    exception.cgroup = cgroup.path();
    exception.far = Prefix::parse(kFamilies[0].internet_net);
    policy.outbound = {exception};
    Scene scene(policy);
    scene.protect();
    scene.route_past_tunnel(kFamilies[0].internet_net);
    send_past_tunnel(scene);
    CHECK_FALSE(strays(scene));

    cgroup.enter();
    CHECK(strays(scene));
    cgroup.leave();
}

TEST_CASE("a cgroup is confined from when it appears, and again when it is made anew",
          "[policy][apps][cgroup]") {
    const OwnCgroup cgroup;
    Policy policy = dual_policy();
    policy.scope = Scope::apps;
    policy.apps.cgroups = {cgroup.path()};
    Scene scene(policy);
    scene.locked_and_protected([&] {
        REQUIRE(leaks(scene));
        for (int life = 1; life <= 2; ++life) {
            CAPTURE(life);
            cgroup.make();
            cgroup.enter();
            CHECK(becomes(scene, /*leak=*/false));
            for (const Addresses& at : kFamilies) {
                CAPTURE(at.router);
                CHECK_FALSE(leaves(scene, at.router, 53));
                CHECK_FALSE(leaves(scene, at.endpoint, 443));
            }
            cgroup.leave();
            CHECK(leaks(scene));
            cgroup.remove();
        }
    });
}

TEST_CASE("the endpoint is reached from the VPN's cgroup alone", "[policy][cgroup]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    const bool open = armed == Armed::no;
    const OwnCgroup cgroup;
    constexpr std::array kServers{"203.0.113.99", "2001:db8:9::99"};
    Policy policy = dual_policy();
    Tunnel office;
    office.name = "office";
    office.interface = "tun1";
    office.only.cgroup = cgroup.path();
    for (const char* const server : kServers) {
        office.endpoints.push_back({lab::ip(server), proto::kUdp, 51820});
    }
    policy.tunnels.push_back(office);
    Scene scene(policy, armed);
    scene.locked_and_protected([&] {
        const auto check_closed = [&](std::uint16_t port) {
            for (const char* const server : kServers) {
                CAPTURE(server);
                CHECK(leaves(scene, server, port) == open);
            }
        };
        check_closed(51820);
        cgroup.make();
        check_closed(51820);
        cgroup.enter();
        for (const char* const server : kServers) {
            CHECK(lab::eventually(kPatience, [&] { return leaves(scene, server, 51820); }));
        }

        check_closed(443);
        CHECK(leaks(scene) == open);
        cgroup.leave();
        check_closed(51820);
        cgroup.remove();
    });
}

TEST_CASE("an outbound exception of a cgroup is nobody else's", "[policy][exceptions][cgroup]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    const bool open = armed == Armed::no;
    const OwnCgroup cgroup;
    cgroup.make();
    Policy policy = dual_policy();
    AllowRule exception;
    exception.cgroup = cgroup.path();
    policy.outbound = {exception};
    Scene scene(policy, armed);
    scene.locked_and_protected([&] {
        CHECK(leaks(scene) == open);

        cgroup.enter();

        CHECK(leaks(scene));
        for (const Addresses& at : kFamilies) {
            CHECK(leaves(scene, at.internet, 53) == open);
        }
        cgroup.leave();
        CHECK(leaks(scene) == open);
    });
}
