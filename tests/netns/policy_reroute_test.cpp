// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/reach.hpp"
#include "killswitchd/policy.hpp"
#include "support/scene.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;

namespace {

constexpr uid_t kUser = 4711;

/// Without the layer at the device, which would drop all of it anyway.
Policy inet_alone(Scope scope) {
    Policy policy = dual_policy();
    policy.raw = Raw::allow;
    policy.scope = scope;
    if (scope == Scope::apps) {
        policy.apps.users = {kUser};
    }
    return policy;
}

/// What has the mark 7 goes by the uplink, or into the tunnel.
void route_marked(Scene& scene, bool into_tunnel) {
    for (std::size_t i = 0; i < kFamilies.size(); ++i) {
        const std::string family = i == 0 ? "-4" : "-6";
        std::vector<std::string> route{"ip",      family,  "route", "add",
                                       "default", "table", "77",    "dev"};
        if (into_tunnel) {
            route.emplace_back("tun0");
        } else {
            route.insert(route.end(), {"up0", "via", kFamilies.at(i).router});
        }
        must_run(scene.host(), route);
        must_run(scene.host(), {"ip", family, "rule", "add", "fwmark", "7", "lookup", "77"});
    }
}

/// A program's rule in a chain of type `type`, before ours; what leaves does so under the address
/// of its device.
void foreign_rule(Scene& scene, const char* type, const std::string& rule) {
    must_run(scene.host(),
             {"nft", fmt::format("add table inet other; add chain inet other out {{ "
                                 "type {} hook output priority -100; }}; "
                                 "add rule inet other out {}; add chain inet other "
                                 "post {{ type nat hook postrouting priority 100; }}; "
                                 "add rule inet other post masquerade",
                                 type, rule)});
}

bool any_leaks(Scene& scene) {
    const SocketOwner owner(kUser);
    bool any = false;
    for (const Addresses& at : kFamilies) {
        for (const Packet packet : {Packet::udp, Packet::tcp}) {
            any = scene.escapes(scene.host(), packet, at.internet, 443) || any;
        }
    }
    return any;
}

}  // namespace

TEST_CASE("what another table sends out of the tunnel is refused where it goes",
          "[policy][reroute]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    const auto scope = GENERATE(Scope::all, Scope::apps);
    Scene scene(inet_alone(scope), armed);
    scene.protect();
    CHECK_FALSE(any_leaks(scene));

    route_marked(scene, /*into_tunnel=*/false);
    foreign_rule(scene, "route", "meta mark set 7");

    CHECK(any_leaks(scene) == (armed == Armed::no));
    scene.check_steps();
}

TEST_CASE("what another table translates is refused where it goes", "[policy][reroute]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    const auto scope = GENERATE(Scope::all, Scope::apps);
    Scene scene(inet_alone(scope), armed);
    scene.protect();
    scene.route_past_tunnel("9.9.9.9/32");
    foreign_rule(scene, "nat",
                 fmt::format("ip daddr {} dnat ip to 9.9.9.9", kFamilies[0].internet));

    CHECK(any_leaks(scene) == (armed == Armed::no));
    scene.check_steps();
}

TEST_CASE("what another table sends into the tunnel may go there", "[policy][reroute]") {
    const auto scope = GENERATE(Scope::all, Scope::apps);
    Scene scene(inet_alone(scope));
    scene.protect();
    scene.route_past_tunnel(kFamilies[0].internet_net);
    const auto answered = [&](uid_t user) {
        const SocketOwner owner(user);
        return lab::reach(scene.host(),
                          {lab::Service::udp_echo, lab::ip(kFamilies[0].internet), 7, {}},
                          lab::Millis{500})
            .answered;
    };
    REQUIRE_FALSE(answered(kUser));

    route_marked(scene, /*into_tunnel=*/true);
    foreign_rule(scene, "route", fmt::format("meta skuid {} meta mark set 7", kUser));

    CHECK(answered(kUser));
    CHECK(answered(kUser + 1) == (scope == Scope::apps));
    scene.check_steps();
}
