// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/reconnect.hpp"
#include "policies.hpp"

#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace ks;
using namespace ks::test;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

enum class Wg0 { up, down };

State with(Wg0 wg0) {
    State state;
    state.policy = wireguard_policy();
    state.policy.tunnels.front().reconnect = Reconnect{"wg-quick@wg0.service", seconds(10)};
    state.links = links_with("wg0", "wireguard", wg0 == Wg0::up);
    state.situation = decide(state);
    return state;
}

/// When units were asked for, looked at whenever the plan says, in one hour.
std::vector<nanoseconds> moments_of(const State& state, const std::set<std::string>& silent = {}) {
    std::vector<nanoseconds> moments;
    Outages outages;
    for (nanoseconds now{}; now < minutes(60);) {
        ReconnectPlan plan = plan_reconnects(state, outages, silent, now);
        outages = std::move(plan.outages);
        if (!plan.due.empty()) {
            moments.push_back(now);
        }
        if (!plan.wake) {
            break;
        }
        REQUIRE(*plan.wake > now);
        now = *plan.wake;
    }
    return moments;
}

}  // namespace

TEST_CASE("a tunnel that stays down is asked for ever less often", "[reconnect]") {
    const State state = with(Wg0::down);
    REQUIRE(state.situation.state == StateName::locked);

    CHECK(moments_of(state) == std::vector<nanoseconds>{seconds(10), seconds(30), seconds(70),
                                                        seconds(150), seconds(310), seconds(630),
                                                        seconds(1230), seconds(1830), seconds(2430),
                                                        seconds(3030)});
}

TEST_CASE("a tunnel that is up is asked for only when it is silent", "[reconnect]") {
    const State state = with(Wg0::up);
    REQUIRE(state.situation.state == StateName::protected_);

    CHECK(moments_of(state).empty());
    CHECK(moments_of(state, {"tun9"}).empty());
    CHECK(moments_of(state, {"wg0"}).size() == 10);
}

TEST_CASE("nothing is asked for while nobody waits for the tunnel", "[reconnect]") {
    State state = with(Wg0::down);
    const StateName name = GENERATE(StateName::disarmed, StateName::paused, StateName::panic);
    REQUIRE_FALSE(moments_of(state).empty());

    state.situation.state = name;

    CHECK(moments_of(state).empty());
}

TEST_CASE("a tunnel without `reconnect` is left alone", "[reconnect]") {
    State state = with(Wg0::down);
    state.policy.tunnels.front().reconnect.reset();

    CHECK(moments_of(state).empty());
}

TEST_CASE("a tunnel that came back begins anew", "[reconnect]") {
    Outages outages{{"home", {seconds(500), 7}}};
    outages = plan_reconnects(with(Wg0::up), outages, {}, seconds(100)).outages;
    CHECK(outages.empty());

    const ReconnectPlan plan = plan_reconnects(with(Wg0::down), outages, {}, seconds(200));

    CHECK(plan.due.empty());
    CHECK(plan.wake == seconds(210));
}

TEST_CASE("only whole names of services that are not ours can be restarted", "[reconnect]") {
    for (const char* const unit :
         {"wg-quick@wg0.service", "openvpn.service", "a\\x2db@c\\x2dd.service"}) {
        CAPTURE(unit);
        CHECK(is_reconnect_unit(unit));
    }
    for (const char* const unit :
         {"", ".service", "wg0", "wg0.socket", "wg-quick@.service", "-H.service", "@a.service",
          "a b.service", "a/b.service", "../a.service", "a@b@c.service", "a;b.service",
          "a\n.service", "a*.service", "killswitchd.service", "killswitchd-boot.service"}) {
        CAPTURE(unit);
        CHECK_FALSE(is_reconnect_unit(unit));
    }
    CHECK_FALSE(is_reconnect_unit(std::string(300, 'a') + ".service"));
}
