// SPDX-License-Identifier: GPL-2.0-or-later
// Whatever others made of our tables, the next commit succeeds, and opens nothing on its way.
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/nftables.hpp"
#include "support/flood.hpp"
#include "support/private_network.hpp"
#include "support/table.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace ks;
using namespace ks::test;

constexpr std::uint64_t kEnough = 2'000;  ///< Packets that a door that opened would have let out.

/// None of them lets packets to kBlocked4 or kBlocked6 out.
const std::vector<const char*> kEdits{
    // Sets and maps that belong to a rule.
    "insert rule inet killswitchd output ip daddr { 1.1.1.1, 2.2.2.2 } accept",
    "insert rule inet killswitchd output ip daddr { 1.1.1.0/24, 2.2.2.2 } accept",
    "insert rule inet killswitchd output ip daddr . tcp dport { 1.1.1.1 . 80 } accept",
    "insert rule inet killswitchd output ip daddr vmap { 1.1.1.1 : accept, 2.2.2.2 : drop }",
    "insert rule inet killswitchd output ip daddr vmap { 1.1.1.1 : jump refuse }",
    "insert rule inet killswitchd output meta mark set ip daddr map { 1.1.1.1 : 0x1 }",
    "insert rule inet killswitchd refuse ip daddr { 1.1.1.1, 2.2.2.2 } accept",
    "insert rule netdev killswitchd egress_up0 ip daddr { 1.1.1.1, 2.2.2.2 } accept",
    "insert rule inet killswitchd output ip daddr 1.1.1.1 jump { ip protocol tcp accept; }",
    // Named ones, used and not used.
    "add set inet killswitchd evil { type ipv4_addr; elements = { 1.1.1.1 }; }\n"
    "insert rule inet killswitchd output ip daddr @evil accept",
    "add set inet killswitchd evil { type ipv4_addr; flags dynamic, timeout; timeout 1m; }\n"
    "insert rule inet killswitchd output ip daddr 1.1.1.1 update @evil { ip daddr }",
    "add map inet killswitchd evil { type ipv4_addr : verdict; elements = { 1.1.1.1 : jump refuse "
    "}; }",
    "add map inet killswitchd evil { type ipv4_addr : verdict; elements = { 1.1.1.1 : jump refuse "
    "}; }\ninsert rule inet killswitchd output ip daddr vmap @evil",
    "add chain inet killswitchd evil\n"
    "add map inet killswitchd to_evil { type ipv4_addr : verdict; elements = { 1.1.1.1 : goto evil "
    "}; }",
    "add chain inet killswitchd evil\n"
    "add map inet killswitchd to_evil { type ipv4_addr : verdict; elements = { 1.1.1.1 : goto evil "
    "}; }\ninsert rule inet killswitchd output ip daddr vmap @to_evil",
    // Chains.
    "add chain inet killswitchd evil\nadd chain inet killswitchd worse\n"
    "add rule inet killswitchd evil jump worse\n"
    "insert rule inet killswitchd output ip daddr 1.1.1.1 jump evil",
    "add chain inet killswitchd evil\nadd rule inet killswitchd evil ip daddr { 1.1.1.1 } jump "
    "refuse\ninsert rule inet killswitchd output jump evil",
    "add chain inet killswitchd evil { type nat hook output priority -100; policy accept; }",
    "add chain inet killswitchd evil { type filter hook ingress device \"up0\" priority 0; }",
    "flush chain inet killswitchd output",
    "flush table inet killswitchd",
    "flush table inet killswitchd\ndelete chain inet killswitchd refuse",
    "insert rule inet killswitchd output ip daddr 1.1.1.1 limit rate 1/hour accept",
    "add rule inet killswitchd output accept",
    // Stateful objects.
    "add counter inet killswitchd evil",
    "add counter inet killswitchd evil\n"
    "insert rule inet killswitchd output ip daddr 1.1.1.1 counter name evil accept",
    "add quota inet killswitchd evil { over 10 mbytes }",
    "add quota inet killswitchd evil { over 10 mbytes }\n"
    "insert rule inet killswitchd output ip daddr 1.1.1.1 quota name evil accept",
    "add quota inet killswitchd uplink { over 10 mbytes }",
    "add limit inet killswitchd evil { rate 1/second }\n"
    "insert rule inet killswitchd output ip daddr 1.1.1.1 limit name evil accept",
    "add ct helper inet killswitchd evil { type \"ftp\" protocol tcp; l3proto ip; }\n"
    "insert rule inet killswitchd output ip daddr 1.1.1.1 ct helper set evil",
    "add ct timeout inet killswitchd evil { protocol tcp; l3proto ip; policy = { close : 12 }; }\n"
    "insert rule inet killswitchd output ip daddr 1.1.1.1 ct timeout set evil",
    "add flowtable inet killswitchd evil { hook ingress priority 0; devices = { up0 }; }",
    "add flowtable inet killswitchd evil { hook ingress priority 0; devices = { up0 }; }\n"
    "insert rule inet killswitchd forward ip protocol tcp flow add @evil",
    "add quota netdev killswitchd evil { over 10 mbytes }",
    // In place of ours.
    "flush table inet killswitchd\ndelete set inet killswitchd endpoints4_1\n"
    "add set inet killswitchd endpoints4_1 { type ipv4_addr; }",
    "flush table inet killswitchd\ndelete set inet killswitchd endpoints4_1\n"
    "add map inet killswitchd endpoints4_1 { type ipv4_addr . inet_proto . inet_service : "
    "verdict; }",
    "add element inet killswitchd endpoints4_1 { 1.1.1.1 . udp . 53 }",
    // Tables beside it.
    "add table inet killswitchd-fallback\n"
    "add chain inet killswitchd-fallback output { type filter hook output priority 300; }\n"
    "add map inet killswitchd-fallback evil { type ipv4_addr : verdict; elements = { 1.1.1.1 : accept "
    "}; }",
    "add table inet killswitchd-fallback\nadd chain inet killswitchd-fallback evil\n"
    "add map inet killswitchd-fallback m { type ipv4_addr : verdict; elements = { 1.1.1.1 : jump evil "
    "}; }\ninsert rule inet killswitchd output ip daddr { 1.1.1.1 } accept\n"
    "add quota inet killswitchd q { over 10 mbytes }",
    "delete table netdev killswitchd\nadd table netdev killswitchd\n"
    "add chain netdev killswitchd egress_up0 { type filter hook ingress device \"up0\" priority 0; "
    "}",
};

Ruleset rules(StateName state) {
    Situation situation{state, {}, {}};
    situation.endpoints = known_endpoints(example_policy());
    situation.around.uplinks = {{"up0", 0, {}}};
    if (state == StateName::protected_) {
        situation.tunnels_up = {{"wg0", {}}};
        situation.around.tunnel_addresses = {*IpAddress::parse("10.9.0.2")};
    }
    return *compile(example_policy(), situation);
}

/// False where this kernel or this nft lacks what the edit needs.
bool edited(const char* edit) {
    const Output done = run_with_input("nft -f -", edit);
    if (done.status != 0) {
        WARN("not tried: " << edit);
    }
    return done.status == 0;
}

void wait_for(const Flood& flood, std::uint64_t packets) {
    for (const std::uint64_t before = flood.tried(); flood.tried() < before + packets;) {
    }
}

}  // namespace

TEST_CASE("after any foreign edit a commit succeeds and lets nothing out",
          "[foreign][fail-closed]") {
    enter_private_network();
    need_programs({"nft"});
    const Wire wire;
    Nftables nftables = open_nftables(Ownership::off);
    const Ruleset locked = rules(StateName::locked);
    const Ruleset open = rules(StateName::protected_);
    require(nftables.apply(locked));
    Flood flood;
    std::size_t tried = 0;

    for (const Ruleset* wanted : {&locked, &open}) {
        for (const char* const edit : kEdits) {
            INFO(edit);
            require(nftables.apply(locked));
            if (!edited(edit)) {
                continue;
            }
            ++tried;
            CHECK(nftables.apply(*wanted));
            CHECK_FALSE(nftables.raw_problem());
            CHECK(wrong(nftables, *wanted).empty());
            CHECK(must("nft list tables").find("killswitchd-fallback") == std::string::npos);
        }
    }
    wait_for(flood, kEnough);
    flood.stop();

    CHECK(tried > kEdits.size());  // More than half of them.
    CHECK(flood.tallies().blocked4.tried > 0);
    CHECK(wire.arrived("blocked4") == 0);
    CHECK(wire.arrived("blocked6") == 0);
    require(nftables.remove());
    Flood control;
    wait_for(control, kEnough);
    control.stop();
    CHECK(wire.arrived("blocked4") > 0);
}

TEST_CASE("tables are removed whatever others put into them", "[foreign]") {
    enter_private_network();
    need_programs({"nft"});
    const Wire wire;
    Nftables nftables = open_nftables(Ownership::off);

    for (const char* const edit : kEdits) {
        INFO(edit);
        require(nftables.apply(rules(StateName::locked)));
        if (!edited(edit)) {
            continue;
        }
        CHECK(nftables.remove());
        CHECK(must("nft list tables") == "table netdev wire\n");
    }
}

TEST_CASE("a table that belongs to another keeps all of ours, and the error names them",
          "[foreign][ownership]") {
    enter_private_network();
    Nftables owner = open_nftables(Ownership::automatic);
    require(owner.apply(rules(StateName::locked)));
    Nftables other = open_nftables(Ownership::off);
    if (other.read()->at(TableFamily::inet).owner != TableOwner::somebody) {
        return;
    }

    const Status refused = other.remove();

    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message(), contains_text("table inet killswitchd"));
}
