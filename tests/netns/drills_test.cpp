// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/drills/verdict.hpp"
#include "catch.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/drill_report.hpp"
#include "support/node_run.hpp"
#include "support/programs.hpp"

#include <cstdint>
#include <string>

#include <fmt/format.h>

using namespace ks;

namespace {

Endpoint endpoint(const char* address, std::uint8_t protocol, std::uint16_t port) {
    return {lab::ip(address), protocol, port};
}

void play(const std::string& title, const Policy& policy) {
    test::require_programs({});
    test::play_all(title, policy, drills::own_tunnel);
}

/// The service dies, somebody deletes the table, and then the VPN dies.
void tables_deleted(drills::Stage& stage) {
    drills::reach_steady_state(stage);
    stage.kill_service();
    if (stage.armed() == drills::Armed::yes) {
        stage.expect("the tables can be deleted",
                     test::run_to_end(stage.lab().host(), {"nft", "flush", "ruleset"}));
    }
    stage.client()->kill();
    stage.probe();
    stage.probe_guest();
}

/// The same against a service that lives.
void table_deleted_under_service(drills::Stage& stage) {
    drills::reach_steady_state(stage);
    if (stage.armed() == drills::Armed::yes) {
        const Status refused =
            test::run_to_end(stage.lab().host(), {"nft", "delete", "table", "inet", "killswitchd"});
        stage.expect("nobody else may delete the table", !refused);
        stage.expect("others' flush of everything succeeds",
                     test::run_to_end(stage.lab().host(), {"nft", "flush", "ruleset"}));
    }
    stage.client()->kill();
    stage.probe();
    stage.await("LOCKED");
    stage.probe_guest();
}

}  // namespace

TEST_CASE("no drill leaks with the demo's config", "[drills]") {
    play("demo", test::demo_policy());
}

TEST_CASE("no drill leaks with a TCP endpoint", "[drills]") {
    Policy policy = test::demo_policy();
    policy.tunnels.front().endpoints = {endpoint("203.0.113.7", proto::kTcp, 443)};
    play("tcp", policy);
}

TEST_CASE("no drill leaks with an IPv6 endpoint", "[drills]") {
    Policy policy = test::demo_policy();
    policy.tunnels.front().endpoints = {endpoint("2001:db8:9::7", proto::kUdp, 51820)};
    play("ipv6 endpoint", policy);
}

TEST_CASE("no drill leaks with IPv6 in the tunnel", "[drills]") {
    Policy policy = test::demo_policy();
    policy.ipv6 = Ipv6::tunnel;
    play("ipv6: tunnel", policy);
}

TEST_CASE("no drill leaks with a list of resolvers", "[drills]") {
    Policy policy = test::demo_policy();
    policy.dns_servers = {lab::ip("10.99.0.1"), lab::ip("198.51.100.53")};
    play("dns.servers", policy);
}

TEST_CASE("no drill leaks when the VPN is known by its user", "[drills]") {
    Policy policy = test::demo_policy();
    policy.tunnels.front().only = {};
    policy.tunnels.front().only.user = 65534;
    play("only.user", policy);
}

TEST_CASE("no drill leaks with eight endpoints", "[drills]") {
    Policy policy = test::demo_policy();
    auto& endpoints = policy.tunnels.front().endpoints;
    endpoints.clear();
    for (int number = 1; number <= 8; ++number) {
        endpoints.push_back(
            endpoint(fmt::format("203.0.113.{}", number).c_str(), proto::kUdp, 51820));
    }
    play("8 endpoints", policy);
}

TEST_CASE("no drill leaks with two tunnels", "[drills]") {
    Policy policy = test::demo_policy();
    Tunnel office;
    office.name = "office";
    office.interface = "tun1";
    office.endpoints = {endpoint("203.0.113.99", proto::kTcp, 1194)};
    office.only.user = 65534;
    policy.tunnels.push_back(office);
    play("two tunnels", policy);
}

TEST_CASE("no drill leaks with the local network open", "[drills]") {
    Policy policy = test::demo_policy();
    policy.lan.allow = true;
    policy.lan.inbound = true;
    policy.lan.dns = GENERATE(false, true);
    policy.ipv6 = policy.lan.dns ? Ipv6::tunnel : Ipv6::block;
    play("lan", policy);
}

TEST_CASE("a drill fails when somebody takes the lock away", "[drills]") {
    test::require_programs({"nft"});
    const drills::Drill sabotage{"sabotage", "tables deleted", "Nothing is left to block.",
                                 lab::Uplinks::configured, tables_deleted};
    Policy policy = test::demo_policy();
    policy.ownership = Ownership::off;

    const auto verdict = drills::play(sabotage, policy, test::killswitchd());

    REQUIRE(verdict);
    fmt::print("sabotage: without {}/{}; with {}/{}\n", verdict->without.tally.escaped,
               verdict->without.tally.sent, verdict->with.tally.escaped, verdict->with.tally.sent);
    CHECK_FALSE(verdict->passed());
    CHECK(verdict->with.tally.failures.empty());
    CHECK(verdict->with.tally.escaped == verdict->without.tally.escaped);
}

TEST_CASE("a living service's table cannot be taken away", "[drills]") {
    test::require_programs({"nft"});
    const drills::Drill attempt{"attempt", "table deleted under the service",
                                "Other programs' firewalls come and go.", lab::Uplinks::configured,
                                table_deleted_under_service};

    test::play_one("owned", attempt, test::demo_policy(), drills::own_tunnel);
}
