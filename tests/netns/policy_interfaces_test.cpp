// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/reach.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

#include <array>
#include <string>

using namespace ks;
using namespace ks::test;
using drills::Armed;

namespace {

/// The tunnel of dual_policy() and a second one, for a device to take the name of.
Policy two_tunnels(const char* kind) {
    Policy policy = dual_policy();
    Tunnel office;
    office.name = "office";
    office.interface = "tun1";
    office.kind = kind;
    policy.tunnels.push_back(office);
    return policy;
}

constexpr std::array kNeighbours{"10.66.0.1", "fd66::1"};

/// A veth to the provider.
void add_veth(Scene& scene, const char* name) {
    must(scene.host().net().add_veth(name, "evil0", scene.provider().netns()));
    must(scene.provider().net().set_link("evil0", lab::LinkState::up));
    must(scene.provider().net().add_address("evil0", lab::ip(kNeighbours[0]), 24));
    must(scene.provider().net().add_address("evil0", lab::ip(kNeighbours[1]), 64));
}

void configure(Scene& scene, const char* name) {
    must(scene.host().net().set_link(name, lab::LinkState::up));
    must(scene.host().net().add_address(name, lab::ip("10.66.0.2"), 24));
    must(scene.host().net().add_address(name, lab::ip("fd66::2"), 64));
}

bool told(Scene& scene, const char* text) {
    return lab::eventually(
        kPatience, [&] { return scene.stage().service_log().find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("an interface of another kind is no tunnel, whatever its name", "[policy][interfaces]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    const char* const kind = GENERATE("tun", "");
    const auto phase = GENERATE(Phase::locked, Phase::protected_);
    const bool open = armed == Armed::no;
    Scene scene(two_tunnels(kind), armed);
    scene.enter(phase);

    add_veth(scene, "tun1");
    configure(scene, "tun1");

    CHECK((open || told(scene, "tunnel-refused")));
    scene.stage().await(phase == Phase::locked ? "LOCKED" : "PROTECTED");
    for (const char* const neighbour : kNeighbours) {
        CAPTURE(neighbour);
        const auto reached = [&] { return pings(scene.host(), neighbour); };
        CHECK((open ? lab::eventually(kPatience, reached) : !reached()));
    }
    CHECK(leaks(scene) == open);
    scene.check_steps();
}

TEST_CASE("a device that takes the tunnel's name after it is no tunnel", "[policy][interfaces]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    const bool open = armed == Armed::no;
    Policy policy = dual_policy();
    policy.tunnels.front().kind = "tun";
    Scene scene(policy, armed);
    scene.protect();
    add_veth(scene, "innocent");

    scene.stage().client()->kill();
    scene.stage().await("LOCKED");
    must_run(scene.host(), {"ip", "link", "set", "innocent", "name", "tun0"});
    configure(scene, "tun0");

    CHECK((open || told(scene, "tunnel-refused")));
    for (const char* const neighbour : kNeighbours) {
        CAPTURE(neighbour);
        const auto reached = [&] { return pings(scene.host(), neighbour); };
        CHECK((open ? lab::eventually(kPatience, reached) : !reached()));
    }
    CHECK(leaks(scene) == open);
    scene.check_steps();
}

TEST_CASE("a device that takes the tunnel's name while nobody watches is no tunnel",
          "[policy][interfaces]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    const bool open = armed == Armed::no;
    Scene scene(dual_policy(), armed);
    scene.protect();
    add_veth(scene, "innocent");

    scene.stage().kill_service();
    scene.stage().client()->kill();
    REQUIRE(lab::eventually(kPatience, [&] {
        return bool{run_to_end(scene.host(), {"ip", "link", "set", "innocent", "name", "tun0"})};
    }));
    configure(scene, "tun0");

    const Listener listener(scene.provider(), 8080);
    for (const char* const neighbour : kNeighbours) {
        CAPTURE(neighbour);
        const auto reached = [&] { return listener.hears(scene.host(), neighbour); };
        CHECK((open ? lab::eventually(kPatience, reached) : !reached()));
        CHECK(pings(scene.host(), neighbour) == open);
    }
    scene.check_steps();
}

TEST_CASE("a tunnel that is renamed takes no trust along", "[policy][interfaces]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    // Without the service, the rules of `protected` stay.
    const auto phase = GENERATE(Phase::locked, Phase::protected_);
    const bool open = armed == Armed::no;
    Scene scene(dual_policy(), armed);
    scene.protect();
    if (phase == Phase::protected_) {
        scene.stage().kill_service();
    }

    must(scene.host().net().set_link("tun0", lab::LinkState::down));
    must_run(scene.host(), {"ip", "link", "set", "tun0", "name", "other0"});
    must(scene.host().net().set_link("other0", lab::LinkState::up));
    if (phase == Phase::locked) {
        scene.stage().await("LOCKED");
    }

    for (const Addresses& at : kFamilies) {
        CAPTURE(at.internet);
        must(scene.host().net().add_route(
            {.to = *Prefix::parse(at.internet_net), .device = "other0"}));
        CHECK(lab::reach(scene.host(), {lab::Service::udp_echo, lab::ip(at.internet), 7, "other0"},
                         lab::Millis{400})
                  .answered == open);
    }
    CHECK(leaks(scene) == open);
    scene.check_steps();
}

TEST_CASE("a pattern that fits the way to the internet is refused", "[policy][interfaces]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Policy policy = tun_policy();
    policy.tunnels.front().interface = "up*";
    Scene scene(policy, armed);
    scene.lock();

    CHECK(leaks(scene) == (armed == Armed::no));
    if (armed == Armed::yes) {
        CHECK(told(scene, "tunnel-refused"));
        CHECK(told(scene, "up0 is a veth device, which wraps no packets"));
        scene.stage().await("LOCKED");
    }
    scene.check_steps();
}
