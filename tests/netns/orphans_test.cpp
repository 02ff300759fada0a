// SPDX-License-Identifier: GPL-2.0-or-later
// A table whose owner died, and what others may have made of it until the next one claims it.
#include "../../src/kernel/nft/batch.hpp"
#include "../../src/kernel/nft/snapshot.hpp"
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/nftables.hpp"
#include "support/private_network.hpp"
#include "support/table.hpp"

#include <memory>

namespace {

using namespace ks;
using namespace ks::test;

/// Rules in every family, at these devices.
Ruleset rules_at(StateName state, std::vector<Uplink> uplinks) {
    Situation situation{state, {}, {}};
    situation.endpoints = known_endpoints(example_policy());
    situation.around.uplinks = std::move(uplinks);
    situation.around.tunnel_addresses = {*IpAddress::parse("10.9.0.2")};  // For a table of arp.
    situation.around.lan = {{"up0", *Prefix::parse("192.168.1.0/24")},
                            {"up0", *Prefix::parse("fd00::/64")}};
    if (state == StateName::protected_) {
        situation.tunnels_up = {{"wg0", {}}};
    }
    return *compile(example_policy(), situation);
}

TableOwner owner(Nftables& nftables) {
    const auto observed = nftables.read();
    REQUIRE(observed);
    return observed->at(TableFamily::inet).owner;
}

/// What `nft` of these days cannot say of a table with `persist`.
void make_dormant(TableFamily family) {
    auto socket = NftSocket::open();
    REQUIRE(socket);
    const auto generation = read_generation(*socket);
    REQUIRE(generation);
    Batch batch(*socket, *generation);
    batch.select(family);
    batch.create_table(kDormant | kPersist);
    REQUIRE(batch.commit());
}

/// A table that was made anew does not keep it.
std::string table_handle() {
    return must("nft -a list table inet killswitchd | head -n 1 | grep -o 'handle [0-9]*'");
}

constexpr const char* kDormantCommand = "dormant";

void change(const std::string& command) {
    if (command.starts_with(kDormantCommand)) {
        make_dormant(TableFamily::inet);
        make_dormant(TableFamily::netdev);
    } else {
        must(command);
    }
}

const std::string kEmpty = "nft flush table inet killswitchd && ";
const std::string kDelete = "nft delete chain inet killswitchd ";

}  // namespace

TEST_CASE("an orphan of any shape is claimed and made whole", "[ownership][fail-closed]") {
    const std::string shape = GENERATE(
        std::string("true"), kDelete + "output", kDelete + "input", kDelete + "forward",
        kDelete + "output && " + kDelete + "input && " + kDelete + "forward",
        std::string("nft flush chain arp killswitchd arp_input && nft delete chain arp "
                    "killswitchd arp_input"),
        std::string("nft delete chain netdev killswitchd egress_up0"),
        std::string("nft delete table netdev killswitchd && nft delete table arp killswitchd"),
        kDelete + "output && nft delete chain netdev killswitchd egress_up0", kEmpty + "true",
        kEmpty + kDelete + "refuse", kEmpty + "nft delete set inet killswitchd endpoints4_1",
        kEmpty + "nft delete counter inet killswitchd uplink",
        kEmpty + "nft delete set inet killswitchd endpoints4_1 && " + kDelete + "output && " +
            kDelete + "refuse",
        std::string("nft add chain inet killswitchd evil '{ type filter hook output priority 0 ; "
                    "policy accept ; }' && nft add rule inet killswitchd evil accept"),
        std::string("nft chain inet killswitchd output '{ policy accept ; }'"),
        kDelete + "output && nft add chain inet killswitchd output '{ type filter hook output "
                  "priority 0 ; policy accept ; }'",
        kDelete + "output && nft add chain inet killswitchd output",
        std::string("nft insert rule inet killswitchd output ip daddr '{ 1.1.1.1, 2.2.2.2 }' "
                    "accept"),
        std::string(kDormantCommand));
    enter_private_network();
    need_programs({"nft"});
    const Tun up0("up0");
    const Tun up1("up1");
    const Ruleset before = rules_at(StateName::locked, {{"up0", 2, {}}});
    {
        Nftables first = open_nftables(Ownership::automatic);
        require(first.apply(before));
        if (owner(first) != TableOwner::us) {
            WARN("this kernel cannot protect a table for its owner: nothing is tested");
            return;
        }
    }
    INFO(shape);
    change(shape);
    Nftables second = open_nftables(Ownership::automatic);
    REQUIRE(owner(second) == TableOwner::orphan);

    // A card appeared meanwhile; an upgrade would bring a new base chain so.
    const Ruleset after = rules_at(StateName::protected_, {{"up0", 2, {}}, {"up1", 3, {}}});
    const Ruleset& wanted = GENERATE_REF(std::cref(before), std::cref(after));

    const std::string handle = table_handle();
    require(second.apply(wanted));

    CHECK_FALSE(second.raw_problem());
    const bool other_output = shape.find("add chain inet killswitchd output") != std::string::npos;
    CHECK((table_handle() == handle) != other_output);  // Anew only where there is no other way.
    CHECK(owner(second) == TableOwner::us);
    CHECK(wrong(second, wanted).empty());
    CHECK(must("nft list tables | sort") == "table arp killswitchd\ntable inet killswitchd\n"
                                            "table netdev killswitchd\n");
    const auto settled = second.generation();
    require(second.apply(wanted));
    CHECK(*second.generation() == *settled);
    CHECK(run("nft flush ruleset").status == 0);
    CHECK(wrong(second, wanted).empty());
}

TEST_CASE("an orphan of any shape is made whole by one who does not want to own it",
          "[ownership][fail-closed]") {
    const std::string shape = GENERATE(std::string("true"), kDelete + "output",
                                       kEmpty + kDelete + "refuse", std::string(kDormantCommand));
    enter_private_network();
    need_programs({"nft"});
    const Tun up0("up0");
    const Ruleset wanted = rules_at(StateName::locked, {{"up0", 2, {}}});
    {
        Nftables first = open_nftables(Ownership::automatic);
        require(first.apply(wanted));
        if (owner(first) != TableOwner::us) {
            return;
        }
    }
    INFO(shape);
    change(shape);
    Nftables second = open_nftables(Ownership::off);

    require(second.apply(wanted));

    CHECK(owner(second) == TableOwner::orphan);
    CHECK(wrong(second, wanted).empty());
}

TEST_CASE("an orphan of any shape is removed", "[ownership]") {
    const std::string shape = GENERATE(std::string("true"), kDelete + "output", kEmpty + "true",
                                       std::string(kDormantCommand));
    enter_private_network();
    need_programs({"nft"});
    const Tun up0("up0");
    {
        Nftables first = open_nftables(Ownership::automatic);
        require(first.apply(rules_at(StateName::locked, {{"up0", 2, {}}})));
        if (owner(first) != TableOwner::us) {
            return;
        }
    }
    INFO(shape);
    change(shape);

    require(open_nftables(Ownership::automatic).remove());

    CHECK(must("nft list tables").empty());
}
