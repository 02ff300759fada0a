// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

#include <string>

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;

namespace {

constexpr const char* kGateway = "203.0.113.7";
constexpr const char* kStranger = "203.0.113.8";

Policy ipsec_policy() {
    Policy policy;
    policy.mode = Mode::always;
    Tunnel office;
    office.name = "office";
    office.ipsec = true;
    const IpAddress gateway = lab::ip(kGateway);
    office.endpoints = {
        {gateway, proto::kUdp, 500}, {gateway, proto::kUdp, 4500}, {gateway, proto::kEsp, 0}};
    policy.tunnels = {office};
    return policy;
}

/// Everything to the internet is for the gateway; there are no keys, so nothing gets there.
void add_policy(Scene& scene, const char* gateway) {
    must_run(scene.host(), {"ip", "xfrm", "policy", "add", "src", "0.0.0.0/0", "dst",
                            lab::addr::kInternet, "dir", "out", "tmpl", "src", lab::addr::kHost[0],
                            "dst", gateway, "proto", "esp", "mode", "tunnel"});
}

void delete_policy(Scene& scene) {
    must_run(scene.host(), {"ip", "xfrm", "policy", "delete", "src", "0.0.0.0/0", "dst",
                            lab::addr::kInternet, "dir", "out"});
}

bool leaks4(Scene& scene) {
    return scene.escapes(scene.host(), Packet::udp, lab::addr::kInternet, 443) ||
           scene.escapes(scene.host(), Packet::tcp, lab::addr::kInternet, 443);
}

}  // namespace

TEST_CASE("the state follows the kernel's IPsec policies", "[policy][ipsec]") {
    Scene scene(ipsec_policy());
    scene.stage().start_service();
    scene.check_steps();
    REQUIRE(scene.await_rules_without("rt ipsec"));

    add_policy(scene, kGateway);
    scene.stage().await("PROTECTED, 3 holes: traffic leaves through office");
    scene.check_steps();
    CHECK(scene.await_rules_with("rt ipsec"));
    CHECK(scene.await_rules_with("meta ipsec"));
    CHECK(scene.stage().ask({"status"}).find("office: ipsec up") != std::string::npos);
    CHECK(scene.stage().ask({"diff"}).starts_with("no difference"));

    delete_policy(scene);
    scene.stage().await("LOCKED");
    scene.check_steps();
    CHECK(scene.await_rules_without("ipsec"));
    CHECK(scene.stage().ask({"status"}).find("office: the kernel has no IPsec policy") !=
          std::string::npos);
}

TEST_CASE("a policy to a stranger brings no tunnel up", "[policy][ipsec][fail-closed]") {
    Scene scene(ipsec_policy());
    scene.stage().start_service();
    add_policy(scene, kGateway);
    scene.stage().await("PROTECTED");
    scene.check_steps();
    delete_policy(scene);
    add_policy(scene, kStranger);

    scene.stage().await("LOCKED");

    scene.check_steps();
    CHECK(scene.await_rules_without("rt ipsec"));
}

TEST_CASE("a service that starts anew finds the tunnel by policy up", "[policy][ipsec]") {
    Scene scene(ipsec_policy());
    add_policy(scene, kGateway);
    scene.stage().start_service("PROTECTED");
    scene.check_steps();

    scene.stage().kill_service();
    delete_policy(scene);
    CHECK_FALSE(leaks4(scene));
    scene.stage().start_service("LOCKED");

    scene.check_steps();
    CHECK_FALSE(leaks4(scene));
}

TEST_CASE("a tunnel by policy that a reload brings is up at once", "[policy][ipsec]") {
    Scene scene(ipsec_policy());
    scene.stage().start_service();
    add_policy(scene, kGateway);
    scene.stage().await("PROTECTED");

    scene.stage().use_variant(/*one_more=*/true);
    CHECK(scene.stage().command("reload") == 0);

    scene.stage().await("PROTECTED");
    CHECK(scene.stage().ask({"status"}).find("IPv6 in the tunnel only") != std::string::npos);
    CHECK(scene.await_rules_with("rt ipsec"));
    delete_policy(scene);
    scene.stage().await("LOCKED");
    scene.check_steps();
}

TEST_CASE("nothing leaves in clear when the IPsec policy vanishes",
          "[policy][ipsec][fail-closed]") {
    const Armed armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(ipsec_policy(), armed);
    scene.stage().start_service();
    const bool open = armed == Armed::no;
    CHECK(leaks4(scene) == open);

    add_policy(scene, kGateway);
    scene.stage().await("PROTECTED");
    CHECK_FALSE(leaks4(scene));  // The kernel waits for keys.
    delete_policy(scene);

    CHECK(leaks4(scene) == open);
    scene.check_steps();
}

TEST_CASE("the rule is false before the service knows that the IPsec policy is gone",
          "[policy][ipsec][fail-closed]") {
    const Armed armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(ipsec_policy(), armed);
    scene.stage().start_service();
    add_policy(scene, kGateway);
    scene.stage().await("PROTECTED");
    scene.check_steps();
    scene.stage().kill_service();

    delete_policy(scene);

    CHECK(leaks4(scene) == (armed == Armed::no));
    if (armed == Armed::yes) {
        CHECK(scene.await_rules_with("rt ipsec"));
    }
}
