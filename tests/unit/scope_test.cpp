// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "policies.hpp"

using namespace ks;
using namespace ks::test;

namespace {

Policy apps_policy() {
    Policy policy = wireguard_policy();
    policy.scope = Scope::apps;
    policy.apps = {{1000}, {1001}, {"vpn.slice"}};
    return policy;
}

Ruleset rules_of(StateName state) {
    Situation situation = situation_of(apps_policy(), state);
    situation.cgroups = {{"vpn.slice", 42}};
    situation.around.uplinks = {{"eth0", 2, {}}};
    situation.around.tunnel_addresses = {address("10.99.0.2")};
    if (state == StateName::protected_) {
        situation.tunnels_up = {{"wg0", {}}};
    }
    return compile(apps_policy(), situation).value();
}

PacketView of_nobody(Hook hook) {
    PacketView packet = web_by("eth0");
    packet.hook = hook;
    packet.in_interface = hook == Hook::output ? "" : "eth1";
    packet.out_interface = hook == Hook::input ? "" : "eth0";
    packet.uid = 0;
    packet.gid = 0;
    return packet;
}

}  // namespace

TEST_CASE("with scope apps only the listed are confined", "[scope][fail-closed]") {
    const StateName state = GENERATE(StateName::locked, StateName::protected_);
    const Ruleset rules = rules_of(state);
    for (const Hook hook : {Hook::output, Hook::input, Hook::forward}) {
        CHECK(accepted(rules, of_nobody(hook)));
    }
    PacketView packet = of_nobody(Hook::output);
    SECTION("user") {
        packet.uid = 1000;
    }
    SECTION("group") {
        packet.gid = 1001;
    }
    SECTION("cgroup") {
        packet.cgroups = {42};
    }
    CHECK(evaluate(rules, packet).counter == "uplink");
    packet.out_interface = "wg0";
    CHECK(accepted(rules, packet) == (state == StateName::protected_));
}

TEST_CASE("what is confined and has no tunnel stays inside", "[scope][fail-closed]") {
    PacketView packet = of_nobody(Hook::output);
    packet.uid = 1000;
    packet.destination = address("203.0.113.7");
    packet.protocol = proto::kUdp;
    packet.destination_port = 51820;
    CHECK(evaluate(rules_of(StateName::locked), packet).counter == "endpoint-guard");
    packet.mark = 0xca6c;
    CHECK(accepted(rules_of(StateName::locked), packet));
}

TEST_CASE("panic locks everybody, whatever the scope", "[scope][fail-closed]") {
    const Ruleset rules = rules_of(StateName::panic);
    REQUIRE(accepted(rules_of(StateName::locked), of_nobody(Hook::output)));

    for (const Hook hook : {Hook::output, Hook::input, Hook::forward}) {
        CHECK_FALSE(accepted(rules, of_nobody(hook)));
    }
    PacketView at_device = of_nobody(Hook::egress);
    CHECK_FALSE(accepted(rules, at_device));
    PacketView inside = of_nobody(Hook::output);
    inside.out_interface = "lo";
    CHECK(accepted(rules, inside));
}

TEST_CASE("a tunnel's address is guarded against the uplink for free programs too",
          "[scope][fail-closed]") {
    PacketView spoof = of_nobody(Hook::input);
    spoof.destination = address("10.99.0.2");

    CHECK(evaluate(rules_of(StateName::protected_), spoof).counter == "spoof");
}
