// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;

namespace {

bool leaks(Scene& scene) {
    return scene.escapes(scene.host(), Packet::udp, lab::addr::kInternet, 443, lab::Via::uplink);
}

/// A veth that takes the tunnel's name and leads to the provider.
void add_impostor(Scene& scene, const std::string& name) {
    must(scene.host().net().add_veth(name, "evil0", scene.provider().netns()));
    must(scene.host().net().set_link(name, lab::LinkState::up));
    must(scene.provider().net().set_link("evil0", lab::LinkState::up));
    must(scene.host().net().add_address(name, lab::ip("10.66.0.2"), 24));
    must(scene.provider().net().add_address("evil0", lab::ip("10.66.0.1"), 24));
}

bool told(Scene& scene, const char* text) {
    return lab::eventually(
        kPatience, [&] { return scene.stage().service_log().find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("an interface of another kind is no tunnel, whatever its name", "[policy][interfaces]") {
    const bool with_kind = GENERATE(true, false);
    Policy policy = tun_policy();
    policy.tunnels.front().kind = with_kind ? "tun" : "";
    Scene scene(policy);
    scene.lock();
    REQUIRE_FALSE(pings(scene.host(), "10.66.0.1"));

    add_impostor(scene, "tun0");

    if (with_kind) {
        CHECK(told(scene, "tunnel-refused"));
        CHECK_FALSE(pings(scene.host(), "10.66.0.1"));
        scene.stage().await("LOCKED");
    } else {  // Without a kind the name is all there is: this shows what `kind` is for.
        scene.stage().await("PROTECTED");
        CHECK(pings(scene.host(), "10.66.0.1"));
    }
    scene.check_steps();
}

TEST_CASE("a device that takes the tunnel's name after it is no tunnel", "[policy][interfaces]") {
    Policy policy = tun_policy();
    policy.tunnels.front().kind = "tun";
    Scene scene(policy);
    scene.protect();
    must(scene.host().net().add_veth("innocent", "evil0", scene.provider().netns()));
    must(scene.provider().net().set_link("evil0", lab::LinkState::up));
    must(scene.provider().net().add_address("evil0", lab::ip("10.66.0.1"), 24));

    scene.stage().client()->kill();
    scene.stage().await("LOCKED");
    must_run(scene.host(), {"ip", "link", "set", "innocent", "name", "tun0"});
    must(scene.host().net().set_link("tun0", lab::LinkState::up));
    must(scene.host().net().add_address("tun0", lab::ip("10.66.0.2"), 24));

    CHECK(told(scene, "tunnel-refused"));
    CHECK_FALSE(pings(scene.host(), "10.66.0.1"));
    CHECK_FALSE(leaks(scene));
    scene.check_steps();
}

TEST_CASE("a tunnel that is renamed takes no trust along", "[policy][interfaces]") {
    Scene scene(tun_policy());
    scene.protect();

    must(scene.host().net().set_link("tun0", lab::LinkState::down));
    must_run(scene.host(), {"ip", "link", "set", "tun0", "name", "other0"});
    must(scene.host().net().set_link("other0", lab::LinkState::up));
    scene.stage().await("LOCKED");
    must(scene.host().net().add_route(
        {.to = *Prefix::parse("198.51.100.0/24"), .device = "other0"}));

    CHECK_FALSE(lab::reach(scene.host(),
                           {lab::Service::udp_echo, lab::ip(lab::addr::kInternet), 7, "other0"},
                           lab::Millis{400})
                    .answered);
    CHECK_FALSE(leaks(scene));
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
        CHECK(told(scene, "up0 matches the pattern up*, but is the way to the internet"));
        scene.stage().await("LOCKED");
    }
    scene.check_steps();
}
