// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::test;
using lab::Packet;

namespace {

/// One layer alone, so that each change of it would open the host.
Policy one_layer(Ownership ownership) {
    Policy policy = dual_policy();
    policy.raw = Raw::allow;
    policy.ownership = ownership;
    return policy;
}

std::vector<const char*> changes(Ownership ownership) {
    std::vector<const char*> all{
        "flush ruleset",
        "delete table inet killswitchd",
        "insert rule inet killswitchd output accept; "
        "insert rule inet killswitchd postrouting accept",
    };
    if (ownership == Ownership::off) {  // The kernel lets nobody change an orphan's flags.
        all.push_back("add table inet killswitchd { flags dormant; }");
    }
    return all;
}

bool closed(Scene& scene) {
    return std::ranges::none_of(kFamilies, [&](const Addresses& at) {
        return scene.escapes(scene.host(), Packet::udp, at.internet, 443, lab::Via::uplink);
    });
}

bool becomes_closed(Scene& scene) {
    return lab::eventually(kPatience, [&] { return closed(scene); });
}

/// Notifications that the sockets of the host's network have lost.
std::uint64_t lost_notifications(Scene& scene) {
    auto shown = scene.host().spawn({"cat", "/proc/net/netlink"});
    REQUIRE((shown && shown->wait(kPatience)));
    std::istringstream lines(shown->output());
    std::string line;
    std::uint64_t lost = 0;
    std::getline(lines, line);
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string word;
        for (int column = 1; column <= 9; ++column) {
            words >> word;
        }
        lost += std::stoull(word);
    }
    return lost;
}

}  // namespace

TEST_CASE("what others do to the table opens nothing while the service lives", "[policy][table]") {
    const auto ownership = GENERATE(Ownership::automatic, Ownership::off);
    const bool owned = ownership == Ownership::automatic;
    Scene scene(one_layer(ownership));
    const char* state = "LOCKED";
    scene.locked_and_protected([&] {
        for (const char* const change : changes(ownership)) {
            CAPTURE(change);
            static_cast<void>(run_to_end(scene.host(), {"nft", change}));
            CHECK((owned ? closed(scene) : becomes_closed(scene)));

            scene.stage().kill_service();
            must_run(scene.host(), {"nft", change});
            CHECK(leaks(scene));
            scene.stage().start_service(state);
            CHECK(becomes_closed(scene));
        }
        state = "PROTECTED";
    });
    scene.check_steps();
}

TEST_CASE("a service that lost notifications neither opens nor keeps a tunnel that is gone",
          "[policy][table]") {
    Scene scene(dual_policy());
    scene.protect();
    lab::NetConfig& net = scene.host().net();
    must(scene.stage().service()->stop());
    const std::uint64_t before = lost_notifications(scene);

    scene.stage().client()->kill();
    REQUIRE(lab::eventually(4 * kPatience, [&] {  // The socket's buffer holds megabytes.
        for (std::uint32_t i = 0; i < 1000; ++i) {
            must(net.set_mtu("br0", 1400 + i % 2));
        }
        return lost_notifications(scene) > before;
    }));
    CHECK_FALSE(leaks(scene));

    must(scene.stage().service()->resume());
    scene.stage().await("LOCKED");
    CHECK_FALSE(leaks(scene));
    scene.stage().connect();
    CHECK_FALSE(leaks(scene));
    scene.check_steps();
}
