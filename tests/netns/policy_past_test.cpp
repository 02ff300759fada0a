// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/programs.hpp"
#include "support/scene.hpp"

#include <cerrno>
#include <string>
#include <vector>

#include <sys/socket.h>

using namespace ks;
using namespace ks::test;

namespace {

bool told(Scene& scene, const char* text) {
    return lab::eventually(
        kPatience, [&] { return scene.stage().service_log().find(text) != std::string::npos; });
}

/// Whether `status` says it, lines joined.
bool status_says(Scene& scene, const std::string& text) {
    return scene.stage().ask({"status", "--json"}).find(text) != std::string::npos;
}

bool can_run(Scene& scene, const std::vector<std::string>& argv) {
    return bool(run_to_end(scene.host(), argv));
}

/// What the kernel says to a datagram by this device.
int send_by(Scene& scene, const std::string& device) {
    const auto fd = scene.host().socket(AF_INET, SOCK_DGRAM, 0);
    REQUIRE(fd);
    REQUIRE(setsockopt(fd->get(), SOL_SOCKET, SO_BINDTODEVICE, device.data(),
                       static_cast<socklen_t>(device.size())) == 0);
    const lab::SocketAddress to(lab::ip(lab::addr::kInternet), 443);
    return sendto(fd->get(), "ks", 2, 0, to.get(), to.size) == 2 ? 0 : errno;
}

}  // namespace

TEST_CASE("a route of the network that leads past the tunnel is an event and a line of status",
          "[policy][past]") {
    Scene scene(tun_policy());
    scene.protect();
    const auto route = [&](const char* verb, const char* to, const char* origin) {
        must_run(scene.host(), {"ip", "route", verb, to, "via", lab::addr::kRouter[0], "dev", "up0",
                                "proto", origin});
    };
    const std::string named = "a route to 198.51.100.0/24 by up0, set by DHCP, leads past";
    // The client has made one to its server alone.
    CHECK_FALSE(status_says(scene, "leads past the tunnel"));

    route("add", "198.51.100.0/24", "dhcp");

    CHECK(told(scene, named.c_str()));
    CHECK(status_says(scene, named));
    CHECK_FALSE(leaks(scene));
    scene.stage().await("PROTECTED");
    route("del", "198.51.100.0/24", "dhcp");
    CHECK(lab::eventually(kPatience, [&] { return !status_says(scene, named); }));
    scene.check_steps();
}

TEST_CASE("what others set up beside the rules is a line of status", "[policy][past]") {
    require_programs({"nft", "tc"});
    Scene scene(tun_policy());
    scene.protect();
    CHECK_FALSE(status_says(scene, "pass no rule"));
    CHECK_FALSE(status_says(scene, "drops what"));

    must_run(scene.host(), {"nft", "add table ip other; add chain ip other out { type filter hook "
                                   "output priority 0; policy drop; }; add rule ip other out "
                                   "accept"});
    CHECK(status_says(scene, "table ip other drops what is sent unless its own rules"));

    if (can_run(scene, {"tc", "qdisc", "add", "dev", "up0", "clsact"}) &&
        can_run(scene, {"tc", "filter", "add", "dev", "up0", "egress", "matchall", "action",
                        "mirred", "egress", "redirect", "dev", "up1"})) {
        CHECK(status_says(scene, "tc sends packets of up0 to up1: they pass no rule"));
    } else {
        WARN("this kernel has no filters of tc");
    }
    scene.check_steps();
}

TEST_CASE("a way out that goes to another network namespace is an event", "[policy][past]") {
    Scene scene(tun_policy());
    scene.lock();

    must_run(scene.host(), {"ip", "link", "set", "up1", "netns", "1"});

    CHECK(told(scene, "link-moved: up1 went to another network namespace"));
    scene.check_steps();
}

TEST_CASE("a device is the tunnel while it is in its group, with the service dead too",
          "[policy][groups]") {
    Policy policy = tun_policy();
    Tunnel office;
    office.name = "office";
    office.interface = "group:7";
    policy.tunnels.push_back(office);
    Scene scene(policy);
    scene.lock();
    must_run(scene.host(), {"ip", "tuntap", "add", "dev", "tun5", "mode", "tun"});
    must_run(scene.host(), {"ip", "address", "add", "10.55.0.2/24", "dev", "tun5"});
    must_run(scene.host(), {"ip", "link", "set", "tun5", "up"});
    CHECK(send_by(scene, "tun5") == EPERM);

    must_run(scene.host(), {"ip", "link", "set", "tun5", "group", "7"});
    scene.stage().await("PROTECTED");
    CHECK(scene.await_rules_with("oifgroup 7"));
    CHECK(send_by(scene, "tun5") == 0);

    scene.stage().kill_service();
    must_run(scene.host(), {"ip", "link", "set", "tun5", "group", "8"});
    CHECK(send_by(scene, "tun5") == EPERM);
    scene.check_steps();
}
