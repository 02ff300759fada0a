// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/reach.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

#include <cstdint>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;

namespace {

constexpr uid_t kUser = 4711;
constexpr gid_t kGroup = 4712;
constexpr uid_t kOther = 4713;

bool leaks(Scene& scene, Packet packet, const char* to, std::uint16_t port) {
    return scene.escapes(scene.host(), packet, to, port, lab::Via::uplink);
}

Policy apps_policy(bool by_user) {
    Policy policy = tun_policy();
    policy.scope = Scope::apps;
    if (by_user) {
        policy.apps.users = {kUser};
    } else {
        policy.apps.groups = {kGroup};
    }
    return policy;
}

/// What leaves for `owner` of a socket, of everything that a program can try.
std::vector<std::string> leaks_of(Scene& scene, uid_t user, gid_t group) {
    const SocketOwner owner(user, group);
    std::vector<std::string> names;
    const auto note = [&](const char* name, Packet packet, const char* to, std::uint16_t port) {
        if (leaks(scene, packet, to, port)) {
            names.emplace_back(name);
        }
    };
    note("udp4", Packet::udp, lab::addr::kInternet, 443);
    note("tcp4", Packet::tcp, lab::addr::kInternet, 443);
    note("udp6", Packet::udp, lab::addr::kInternet6, 443);
    note("tcp6", Packet::tcp, lab::addr::kInternet6, 443);
    note("dns", Packet::dns_udp, lab::addr::kInternet, 53);
    note("router dns", Packet::dns_udp, lab::addr::kRouter[0], 53);
    note("lan", Packet::udp, lab::addr::kRouter[0], 443);
    note("endpoint", Packet::udp, "203.0.113.7", 443);
    return names;
}

}  // namespace

TEST_CASE("with scope: apps the listed are confined and the rest is free", "[policy][apps]") {
    const bool by_user = GENERATE(true, false);
    const bool with_tunnel = GENERATE(false, true);
    Scene scene(apps_policy(by_user));
    scene.lock();
    if (with_tunnel) {
        scene.stage().connect();
        scene.check_steps();
    }

    CHECK(leaks_of(scene, kUser, kGroup) == std::vector<std::string>{});
    CHECK(leaks_of(scene, kOther, kOther).size() == 8);
    CHECK(leaks_of(scene, 0, 0).size() == 8);
    const auto through_tunnel = [&] {
        return lab::reach(scene.host(),
                          {lab::Service::udp_echo, lab::ip(lab::addr::kInternet), 7, "tun0"},
                          lab::Millis{500})
            .answered;
    };
    if (with_tunnel) {
        const SocketOwner owner(kUser, kGroup);
        CHECK(through_tunnel());
    }
    CHECK(pings(scene.provider(), lab::addr::kHost[0]));
}

TEST_CASE("the confined stay so when the tunnel drops or the service dies", "[policy][apps]") {
    Scene scene(apps_policy(true));
    scene.protect();
    REQUIRE(leaks_of(scene, kOther, kOther).size() == 8);

    scene.stage().kill_service();
    scene.stage().client()->kill();

    CHECK(leaks_of(scene, kUser, kGroup) == std::vector<std::string>{});
    CHECK(leaks_of(scene, kOther, kOther).size() == 8);
}

TEST_CASE("a disarmed host confines nobody", "[policy][apps]") {
    Scene scene(apps_policy(true), Armed::no);
    scene.protect();

    CHECK(leaks_of(scene, kUser, kGroup).size() == 8);
}
