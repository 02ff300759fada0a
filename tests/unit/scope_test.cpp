// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/step.hpp"
#include "policies.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

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

TEST_CASE("a segment that no user sends is free only in a connection of somebody free",
          "[scope][closed][fail-closed]") {
    const StateName state = GENERATE(StateName::locked, StateName::protected_);
    const Ruleset rules = rules_of(state);
    PacketView packet = of_nobody(Hook::output);
    packet.uid.reset();
    packet.gid.reset();
    packet.protocol = proto::kTcp;
    packet.tcp_opening = false;

    CHECK(follow(rules, packet).counter == "uplink");
    packet.tcp_flags = 0x04;  // RST
    CHECK(follow(rules, packet).counter == "uplink");

    packet.remembered = true;
    CHECK(follow(rules, packet).verdict == Verdict::accept);
    packet.remembered = false;
    packet.tcp_flags = 0x14;  // RST and ACK: nobody listens.
    CHECK(follow(rules, packet).verdict == Verdict::accept);
    packet.tcp_flags = 0x12;  // SYN and ACK.
    CHECK(follow(rules, packet).verdict == Verdict::accept);
    packet.tcp_opening = true;
    CHECK(follow(rules, packet).verdict == Verdict::accept);
    packet.tcp_opening = false;
    packet.protocol = proto::kUdp;
    CHECK(follow(rules, packet).verdict == Verdict::accept);
}

TEST_CASE("what no user sends is judged once more where it leaves", "[scope][closed][reroute]") {
    const Ruleset rules = rules_of(StateName::protected_);
    PacketView packet = of_nobody(Hook::output);
    packet.uid.reset();
    packet.gid.reset();
    packet.protocol = proto::kTcp;
    packet.tcp_opening = false;
    packet.out_interface = "wg0";
    const Evaluation first = evaluate(rules, packet);
    REQUIRE(first.verdict == Verdict::accept);

    packet.hook = Hook::postrouting;
    packet.out_interface = "eth0";
    packet.carried = first.carried;
    CHECK(evaluate(rules, packet).verdict == Verdict::drop);
    packet.carried = 0;
    CHECK(evaluate(rules, packet).verdict == Verdict::accept);
}

TEST_CASE("the slice of run-confined is confined with scope: apps, and with nothing listed",
          "[scope][slice]") {
    Policy policy = apps_policy();
    CHECK(confined_cgroups(policy) == std::vector<std::string>{"vpn.slice", kConfinedSlice});
    policy.apps = {};
    Situation situation = situation_of(policy, StateName::locked);
    PacketView packet = of_nobody(Hook::output);
    packet.cgroups = {7, 8};
    CHECK(accepted(compile(policy, situation).value(), packet));
    situation.cgroups = {{kConfinedSlice, 8}};
    CHECK(evaluate(compile(policy, situation).value(), packet).counter == "uplink");
    policy.scope = Scope::all;
    CHECK(confined_cgroups(policy).empty());
}

TEST_CASE("a policy and the cgroups that it names are one change", "[scope][step]") {
    State state;
    state.policy = wireguard_policy();
    const CgroupsChanged cgroups{{{"vpn.slice", 42}}};

    Step next = step(std::move(state), PolicyLoaded{apps_policy(), std::nullopt, cgroups});

    std::vector<Ruleset> commits;
    for (const Effect& effect : next.effects) {
        if (const auto* const commit = std::get_if<Commit>(&effect)) {
            commits.push_back(commit->ruleset.value());
        }
    }
    REQUIRE(commits.size() == 1);
    PacketView packet = of_nobody(Hook::output);
    CHECK(accepted(commits[0], packet));
    packet.cgroups = {42};
    CHECK_FALSE(accepted(commits[0], packet));
}

TEST_CASE("cgroups that nobody tells of are an event, once", "[scope][step]") {
    State state;
    state.policy = apps_policy();
    const auto announced = [&](const CgroupsChanged& event) {
        Step next = step(std::move(state), event);
        state = std::move(next.next);
        return std::ranges::count_if(next.effects, [](const Effect& effect) {
            const auto* const say = std::get_if<Announce>(&effect);
            return say != nullptr && say->key == "cgroups-unwatched";
        });
    };
    const CgroupsChanged unwatched{{}, Error{"cannot make an inotify instance", EMFILE}};
    CHECK(announced({}) == 0);
    CHECK(announced(unwatched) == 1);
    CHECK(announced(unwatched) == 0);
    CHECK(state.cgroups_error.find("inotify") != std::string::npos);
    CHECK(announced({}) == 0);
    CHECK(state.cgroups_error.empty());
    CHECK(announced(unwatched) == 1);
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
