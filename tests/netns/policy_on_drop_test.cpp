// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

using namespace ks;
using namespace ks::test;

namespace {

Policy on_drop_policy() {
    Policy policy = tun_policy();
    policy.mode = Mode::on_drop;
    policy.boot = BootLock::open;
    return policy;
}

void start_open(Scene& scene) {
    scene.stage().start_server();
    scene.stage().start_service("OPEN");
    scene.check_steps();
}

void drop(Scene& scene) {
    REQUIRE(scene.stage().client() != nullptr);
    scene.stage().client()->kill();
}

}  // namespace

TEST_CASE("on-drop is open until the tunnel is up, and locked when it drops", "[policy][on-drop]") {
    Scene scene(on_drop_policy());
    start_open(scene);
    REQUIRE(leaks(scene));

    scene.stage().connect();
    scene.check_steps();
    CHECK_FALSE(leaks(scene));
    drop(scene);

    CHECK_FALSE(leaks(scene));
    scene.stage().await("LOCKED");
    CHECK_FALSE(leaks(scene));
    scene.stage().connect();
    CHECK_FALSE(leaks(scene));
    scene.check_steps();
}

TEST_CASE("on-drop stays locked when the service is killed and starts again", "[policy][on-drop]") {
    Scene scene(on_drop_policy());
    start_open(scene);
    REQUIRE(leaks(scene));
    scene.stage().connect();

    scene.stage().kill_service();
    drop(scene);
    CHECK_FALSE(leaks(scene));
    scene.stage().start_service("LOCKED");

    CHECK_FALSE(leaks(scene));
    scene.check_steps();
}

TEST_CASE("on-drop opens by disarm, and not by a tunnel that comes later", "[policy][on-drop]") {
    Scene scene(on_drop_policy());
    start_open(scene);
    scene.stage().connect();
    REQUIRE_FALSE(leaks(scene));

    CHECK(scene.stage().command("disarm") == 0);
    scene.stage().await("OPEN");
    CHECK(leaks(scene));
    drop(scene);
    CHECK(leaks(scene));

    CHECK(scene.stage().command("arm") == 0);
    scene.stage().await("LOCKED");
    CHECK_FALSE(leaks(scene));
    scene.check_steps();
}

TEST_CASE("on-drop can be armed before the tunnel is up", "[policy][on-drop]") {
    Scene scene(on_drop_policy());
    start_open(scene);
    REQUIRE(leaks(scene));

    CHECK(scene.stage().command("arm") == 0);
    scene.stage().await("LOCKED");

    CHECK_FALSE(leaks(scene));
    scene.stage().connect();
    CHECK_FALSE(leaks(scene));
    scene.check_steps();
}

TEST_CASE("`boot` loads no lock for on-drop", "[policy][on-drop]") {
    Scene scene(on_drop_policy());

    CHECK(scene.stage().command("boot") == 0);

    CHECK(leaks(scene));
}
