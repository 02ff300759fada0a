// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "dice.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/difference.hpp"
#include "killswitchd/differences.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/surroundings.hpp"
#include "killswitchd/time.hpp"
#include "killswitchd/tunnels.hpp"
#include "random_policy.hpp"
#include "support/private_network.hpp"
#include "support/table.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace {

using namespace ks;
using namespace ks::test;

constexpr std::size_t kPolicies = 60;

void enter() {
    enter_private_network();
    need_programs({"nft"});
}

/// The lines of `nft -a list table` that give the handles of the table and of our base chains: a
/// table that was made anew counts its chains from the same number.
std::string base_chain_handles() {
    return must(
        "nft -a list table inet killswitchd | grep -E '^table|chain (output|input|forward) '");
}

std::uint32_t generation(Nftables& nftables) {
    const auto now = nftables.generation();
    REQUIRE(now);
    return *now;
}

/// The example's rules with a local network, where the devices are these.
Ruleset rules_at(std::vector<Uplink> uplinks) {
    const Policy policy = example_policy();
    Situation situation{StateName::locked, {}, {}};
    situation.endpoints = known_endpoints(policy);
    situation.around.uplinks = std::move(uplinks);
    situation.around.lan = {{"up0", *Prefix::parse("192.168.1.0/24")},
                            {"up0", *Prefix::parse("fd00::/64")}};
    return *compile(policy, situation);
}

/// The same at whatever device there is or will be.
Ruleset rules_at_every_device() {
    const Policy policy = example_policy();
    Situation situation{StateName::locked, {}, {}};
    situation.endpoints = known_endpoints(policy);
    situation.raw_support = RawSupport::every_device;
    situation.around.uplinks = {
        {"up0", 2, {"up0.7"}, false, {{VlanTag{0x88a8, 5}, VlanTag{0x8100, 20}}}}};
    situation.around.inside = {{"br0", "bridge"}};
    return *compile(policy, situation);
}

/// wrong(), but not where both sides say the same: nft writes a range of ports as two comparisons
/// before 1.1, as we do, and as one expression since.
std::vector<std::string> otherwise_worded(Nftables& nftables, const Ruleset& ruleset) {
    const auto observed = nftables.read();
    REQUIRE(observed);
    std::vector<std::string> lines;
    for (const Difference& difference : differences(ruleset, *observed)) {
        if (difference.is != difference.should) {
            lines.push_back(describe(difference));
        }
    }
    return lines;
}

/// Source: Linux dev_valid_name(): all but '/', ':' and space.
std::string random_interface_name(Dice& dice) {
    const std::string often = "ab*\"\\$;#{}'\x01\x7f\xc3\xa9";
    std::string name;
    for (std::size_t left = 1 + dice.below(6); left > 0; --left) {
        name += often[dice.below(often.size())];
    }
    return name;
}

}  // namespace

TEST_CASE("what is committed lists as what nft makes of the rendered text", "[nftables]") {
    enter();
    Dice dice(seed());
    Nftables nftables = open_nftables(Ownership::off);

    for (std::size_t i = 0; i < kPolicies; ++i) {
        // No cgroups: nft finds their paths only where the unified hierarchy is the only one. No
        // devices: the other namespace has none.
        const Ruleset ruleset = random_ruleset(dice, {}, RawSupport::kernel_cannot);
        const std::string text = render_text(ruleset, {}, since_boot());

        require(nftables.apply(ruleset));

        const Output other = run_with_input(
            "unshare -n sh -c 'nft -f - && nft -s list table inet killswitchd'", text);
        INFO(text);
        INFO(other.text);
        REQUIRE(other.status == 0);
        REQUIRE(listed() == normalised(other.text));
        const Output over = run_with_input("nft -f -", text);
        INFO(over.text);
        REQUIRE(over.status == 0);  // Over what we made, too.
        REQUIRE(otherwise_worded(nftables, ruleset) == std::vector<std::string>{});
    }
}

TEST_CASE("rules that nft loaded from our text are our rules", "[nftables]") {
    enter();
    Nftables nftables = open_nftables(Ownership::automatic);
    const StateName state = GENERATE(StateName::locked, StateName::protected_, StateName::panic);
    const Ruleset ruleset = example_rules(state);

    REQUIRE(run_with_input("nft -f -", render_text(ruleset)).status == 0);

    CHECK(wrong(nftables, ruleset).empty());
}

TEST_CASE("rules at a device that nft loaded from our text are our rules", "[nftables][raw]") {
    enter();
    const Tun device("up0");
    Nftables nftables = open_nftables(Ownership::off);
    const Ruleset ruleset = rules_at({{"up0", 2, {}}});

    const Output loaded = run_with_input("nft -f -", render_text(ruleset));

    INFO(render_text(ruleset));
    INFO(loaded.text);
    REQUIRE(loaded.status == 0);
    CHECK(wrong(nftables, ruleset).empty());
}

TEST_CASE("interfaces of any name make rules that nft can load", "[nftables]") {
    enter();
    Dice dice(seed());
    Policy policy = example_policy();
    policy.raw = Raw::allow;  // The devices do not exist.
    policy.lan.allow = true;
    std::size_t named = 0;
    for (std::size_t i = 0; i < kPolicies; ++i) {
        LinkTable links{{1, {"lo", "", true, {}}}};
        for (int index = 2; index < 8; ++index) {
            Link link{random_interface_name(dice), index % 2 == 0 ? "" : "veth", true, {}};
            link.addresses = {{*IpAddress::parse(fmt::format("192.168.{}.1", index)), 24}};
            links.emplace(index, link);
        }
        links.at(2).default_route = true;
        Situation situation{StateName::protected_, live_tunnels(policy, links), {}};
        situation.endpoints = known_endpoints(policy);
        situation.around = surroundings(policy, links);
        named += situation.around.lan.size() + situation.around.guests.size();
        const std::string text = render_text(*compile(policy, situation));

        const Output loaded = run_with_input("nft -c -f -", text);

        INFO(text);
        INFO(loaded.text);
        REQUIRE(loaded.status == 0);
    }
    CHECK(named > kPolicies);
}

TEST_CASE("a device of any name has rules", "[nftables][raw]") {
    enter();
    const std::string name =
        GENERATE(as<std::string>(), "e*", "a\"b", "a$b", "\x01\x1b[2J", "\xff");
    const Tun device(name);
    Nftables nftables = open_nftables(Ownership::off);
    const Ruleset ruleset = rules_at({{name, 2, {}}});

    require(nftables.apply(ruleset));

    CHECK_FALSE(nftables.raw_problem());
    CHECK(wrong(nftables, ruleset).empty());
    const Output loaded = run_with_input("nft -c -f -", render_text(ruleset));
    INFO(loaded.text);
    CHECK(loaded.status == 0);
}

TEST_CASE("a device that cannot have rules keeps nobody else from theirs",
          "[nftables][raw][fail-closed]") {
    enter();
    const Tun device("up0");
    Nftables nftables = open_nftables(Ownership::automatic);
    const Ruleset possible = rules_at({{"up0", 2, {}}});
    require(nftables.apply(rules_at({})));
    REQUIRE_FALSE(wrong(nftables, possible).empty());

    require(nftables.apply(rules_at({{"up0", 2, {}}, {"no-device-can-be-called-so", 3, {}}})));

    REQUIRE(nftables.raw_problem());
    CHECK_THAT(nftables.raw_problem()->what, contains_text("no-device-can-be-called-so"));
    CHECK(wrong(nftables, possible).empty());
    require(nftables.apply(possible));
    CHECK_FALSE(nftables.raw_problem());
    require(nftables.remove());
    CHECK(must("nft list tables").empty());
}

TEST_CASE("rules at a device that a foreign hand took away are restored",
          "[nftables][raw][fail-closed]") {
    const char* const change = GENERATE(
        "nft delete table netdev killswitchd", "nft flush chain netdev killswitchd egress_up0",
        "nft insert rule netdev killswitchd egress_up0 accept",
        "nft delete chain netdev killswitchd egress_up0",
        "nft flush chain netdev killswitchd egress_up0; nft delete chain netdev "
        "killswitchd egress_up0; nft add chain netdev killswitchd egress_up0 '{ type "
        "filter hook egress device \"lo\" priority 300; policy drop; }'");
    enter();
    const Tun device("up0");
    Nftables nftables = open_nftables(Ownership::off);
    const Ruleset ruleset = rules_at({{"up0", 2, {}}});
    require(nftables.apply(ruleset));
    REQUIRE(wrong(nftables, ruleset).empty());
    must(change);
    REQUIRE_FALSE(wrong(nftables, ruleset).empty());

    require(nftables.apply(ruleset));

    CHECK(wrong(nftables, ruleset).empty());
}

TEST_CASE("rules at every device stay whatever devices come and go", "[nftables][raw]") {
    enter();
    Nftables nftables = open_nftables(Ownership::off);
    if (nftables.raw_support() != RawSupport::every_device) {
        return;  // Of the kernel, or of the library: see readers_of_every_device().
    }
    const Ruleset ruleset = rules_at_every_device();
    require(nftables.apply(ruleset));
    REQUIRE_FALSE(nftables.raw_problem());
    REQUIRE(wrong(nftables, ruleset).empty());
    const std::uint32_t first = generation(nftables);

    const Tun device("up9");
    must("ip link set up9 name up10");

    CHECK(wrong(nftables, ruleset).empty());
    require(nftables.apply(ruleset));
    CHECK(generation(nftables) == first);
    // What nft from before such chains makes of it: it lists the rest, and ends.
    CHECK_THAT(must("timeout 20 nft list ruleset"), contains_text("chain egress {"));
    must("timeout 20 nft list tables");
    must("timeout 20 nft add table inet other");
    CHECK(wrong(nftables, ruleset).empty());
    must("timeout 20 nft flush ruleset");
    CHECK_FALSE(wrong(nftables, ruleset).empty());
}

TEST_CASE("rules at every device that a foreign hand changed are restored",
          "[nftables][raw][fail-closed]") {
    const std::string change = GENERATE(
        as<std::string>(), "delete table netdev killswitchd",
        "flush chain netdev killswitchd egress", "insert rule netdev killswitchd egress accept",
        "flush chain netdev killswitchd every_device",
        "flush chain netdev killswitchd every_device; delete chain netdev killswitchd "
        "every_device",
        "add chain netdev killswitchd evil { type filter hook egress device \"lo\" priority "
        "0; policy accept; }");
    enter();
    Nftables nftables = open_nftables(Ownership::off);
    if (nftables.raw_support() != RawSupport::every_device) {
        return;
    }
    const Ruleset ruleset = rules_at_every_device();
    require(nftables.apply(ruleset));
    const Output changed = run_with_input("timeout 20 nft -f -", change);
    INFO(changed.text);
    // Some cannot even be asked for by an nft that does not know the chain.
    REQUIRE((changed.status == 0) == !wrong(nftables, ruleset).empty());

    require(nftables.apply(ruleset));

    CHECK(wrong(nftables, ruleset).empty());
}

TEST_CASE("the text for every device loads at those that there are", "[nftables][raw]") {
    enter();
    const Tun device("up0");
    const Output loaded =
        run_with_input("nft -f -", render_text(rules_at_every_device(), {"lo", "up0"}));

    INFO(loaded.text);
    REQUIRE(loaded.status == 0);
    CHECK_THAT(must("nft list chain netdev killswitchd every_device"),
               contains_text("devices = { "));
}

TEST_CASE("asking whether the kernel has the hook changes nothing", "[nftables][raw]") {
    enter();
    Nftables nftables = open_nftables(Ownership::automatic);
    const std::uint32_t before = generation(nftables);

    CHECK(nftables.raw_support() != RawSupport::kernel_cannot);

    CHECK(generation(nftables) == before);
    CHECK(must("nft list tables").empty());
}

TEST_CASE("a second apply of the same rules commits nothing", "[nftables]") {
    enter();
    Nftables nftables = open_nftables(Ownership::automatic);
    const StateName state = GENERATE(StateName::locked, StateName::protected_, StateName::panic);
    const std::uint32_t empty = generation(nftables);
    require(nftables.apply(example_rules(state)));
    const std::uint32_t first = generation(nftables);
    REQUIRE(first != empty);

    require(nftables.apply(example_rules(state)));

    CHECK(generation(nftables) == first);
}

TEST_CASE("a table that a foreign hand changed is restored", "[nftables][fail-closed]") {
    const auto [change, difference] = GENERATE(table<std::string, std::string>({
        {"nft insert rule inet killswitchd output accept",
         "chain inet killswitchd output rule 1: 'accept' is not ours"},
        {"nft insert rule inet killswitchd output limit rate 1/hour accept",
         "rule 1: 'limit rate 1/hour accept' is not ours"},
        {"nft insert rule inet killswitchd refuse accept",
         "chain inet killswitchd refuse rule 1: "},
        {"nft flush chain inet killswitchd output",
         "chain inet killswitchd output rule 1: 'oifname \"wg0\" "},
        {"nft delete rule inet killswitchd output handle $(nft -a list chain inet killswitchd "
         "output | sed -n 's/.*nothing passes here.* handle //p')",
         "nothing passes here\"' is missing"},
        {"nft replace rule inet killswitchd output handle $(nft -a list chain inet killswitchd "
         "output | sed -n 's/.*nothing passes here.* handle //p') accept",
         "is 'accept', should be 'drop comment"},
        {"nft chain inet killswitchd output '{ policy accept ; }'",
         "is 'type filter hook output priority 300; policy accept;', "
         "should be 'type filter hook output priority 300; policy drop;'"},
        {"nft add chain inet killswitchd evil '{ type filter hook output priority 0 ; policy "
         "accept ; }' && nft add rule inet killswitchd evil accept",
         "chain inet killswitchd evil"},
        {"nft add chain inet killswitchd evil '{ type filter hook ingress device lo priority 0 ; "
         "}'",
         "chain inet killswitchd evil"},
        {"nft add chain inet killswitchd evil && nft insert rule inet killswitchd output jump evil",
         "chain inet killswitchd evil"},
        {"nft add element inet killswitchd endpoints4_1 '{ 203.0.113.99 . udp . 53 }'",
         "set inet killswitchd endpoints4_1: is '9 elements', should be '8 elements'"},
        {"nft delete element inet killswitchd endpoints4_1 '{ 203.0.113.7 . udp . 1 }'",
         "set inet killswitchd endpoints4_1: is '7 elements'"},
        {"nft add set inet killswitchd evil '{ type ipv4_addr ; }'", "set inet killswitchd evil: "},
        {"nft add table inet killswitchd '{ flags dormant ; }'",
         "table inet killswitchd: is 'dormant', should be 'active'"},
        {"nft delete table inet killswitchd && nft add table inet killswitchd && nft add chain "
         "inet killswitchd output '{ type filter hook output priority 0 ; policy accept ; }'",
         "is 'type filter hook output priority 0; policy accept;', "
         "should be 'type filter hook output priority 300; policy drop;'"},
        {"nft delete table inet killswitchd && nft add table inet killswitchd && nft add chain "
         "inet killswitchd output",
         "chain inet killswitchd output: is ''"},
        {"nft delete table inet killswitchd && nft add table inet killswitchd && nft add set inet "
         "killswitchd endpoints4_1 '{ type ipv4_addr ; }'",
         "set inet killswitchd endpoints4_1: is 'type 7 length 4"},
        {"nft delete table inet killswitchd && nft add table inet killswitchd",
         "counter inet killswitchd uplink is missing"},
        {"nft delete table inet killswitchd", "table inet killswitchd is missing"},
    }));
    enter();
    Nftables nftables = open_nftables(Ownership::off);
    const Ruleset ruleset = example_rules(StateName::protected_);
    require(nftables.apply(ruleset));
    const std::string original = listed();
    REQUIRE(wrong(nftables, ruleset).empty());
    INFO(change);
    must(change);
    CHECK_THAT(fmt::format("{}", fmt::join(wrong(nftables, ruleset), "\n")),
               contains_text(difference));

    require(nftables.apply(ruleset));

    CHECK(wrong(nftables, ruleset).empty());
    CHECK(listed() == original);
}

TEST_CASE("a foreign rule is shown as nft would show it", "[nftables]") {
    const std::string rule = GENERATE(
        as<std::string>(), "accept", "ip daddr 192.0.2.1 accept",
        "ip saddr != 10.0.0.0/8 tcp dport 22 accept", "ip6 daddr 2001:db8::/33 udp sport 53 drop",
        "oifname \"eth*\" meta mark 0x00000007 accept", "iifname != \"eth0\" jump refuse",
        "meta skuid 1000 counter name \"uplink\" accept", "ct state established,related accept",
        "tcp dport 1000-2000 accept", "udp dport > 1024 return", "icmp type 8 accept",
        "limit rate over 10/second drop", "quota over 1000 bytes drop",
        "log prefix \"foreign\" accept", "meta l4proto 47 goto refuse", "rt ipsec exists accept",
        "ip daddr . meta l4proto . th dport @endpoints4_1 accept",
        "meta l4proto tcp reject with tcp reset",
        "meta mark set 0x00000001 accept comment \"mine\"", "tcp flags & (syn | ack) != syn accept",
        "ip protocol udp accept");
    enter();
    Nftables nftables = open_nftables(Ownership::off);
    const Ruleset ruleset = example_rules(StateName::protected_);
    require(nftables.apply(ruleset));
    INFO(rule);

    REQUIRE(run_with_input("nft -f -", "insert rule inet killswitchd output " + rule).status == 0);

    CHECK(wrong(nftables, ruleset) ==
          std::vector<std::string>{
              fmt::format("chain inet killswitchd output rule 1: '{}' is not ours", rule)});
}

TEST_CASE("of a foreign rule that is not known the parts are named", "[nftables]") {
    enter();
    Nftables nftables = open_nftables(Ownership::off);
    const Ruleset ruleset = example_rules(StateName::protected_);
    require(nftables.apply(ruleset));

    must("nft insert rule inet killswitchd output fib daddr type local numgen random mod 2 1 drop");

    CHECK(wrong(nftables, ruleset).size() == 1);
    CHECK_THAT(wrong(nftables, ruleset).at(0), contains_text("[fib]"));
    CHECK_THAT(wrong(nftables, ruleset).at(0), contains_text("[numgen]"));
}

TEST_CASE("tables of others are left alone", "[nftables]") {
    enter();
    Nftables nftables = open_nftables(Ownership::automatic);
    const std::string others = "table inet other {\n"
                               "\tset a {\n\t\ttype ipv4_addr\n\t\telements = { 192.0.2.1 }\n\t}\n"
                               "\tchain output {\n"
                               "\t\ttype filter hook output priority filter; policy accept;\n"
                               "\t\tip daddr @a accept\n\t}\n}\n"
                               "table ip killswitchd {\n\tchain output {\n\t\taccept\n\t}\n}\n";
    REQUIRE(run_with_input("nft -f -", others).status == 0);
    const std::string before = must("nft -a list ruleset");

    require(nftables.apply(example_rules(StateName::protected_)));
    require(nftables.apply(example_rules(StateName::panic)));
    REQUIRE(must("nft list tables") ==
            "table inet other\ntable ip killswitchd\ntable inet killswitchd\n");
    require(nftables.remove());

    CHECK(must("nft -a list ruleset") == before);
}

TEST_CASE("base chains keep their handles through every change", "[nftables][fail-closed]") {
    enter();
    std::string made;
    {
        Nftables first = open_nftables(Ownership::automatic);
        require(first.apply(example_rules(StateName::locked)));
        made = base_chain_handles();
        for (const StateName state : {StateName::protected_, StateName::panic, StateName::locked}) {
            require(first.apply(example_rules(state)));
            CHECK(base_chain_handles() == made);
        }
    }
    Nftables second = open_nftables(Ownership::automatic);

    require(second.apply(example_rules(StateName::protected_)));

    CHECK(base_chain_handles() == made);
}

TEST_CASE("a table that nft loaded is adopted without a new base chain",
          "[nftables][fail-closed]") {
    enter();
    Nftables nftables = open_nftables(Ownership::off);
    const StateName state = GENERATE(StateName::locked, StateName::panic);
    REQUIRE(run_with_input("nft -f -", render_text(example_rules(state))).status == 0);
    const std::string loaded = base_chain_handles();

    require(nftables.apply(example_rules(StateName::protected_)));

    CHECK(base_chain_handles() == loaded);
    CHECK(wrong(nftables, example_rules(StateName::protected_)).empty());
}

TEST_CASE("a set of another type is replaced without a new base chain",
          "[nftables][fail-closed][regression]") {
    enter();
    Nftables nftables = open_nftables(Ownership::off);
    const Ruleset ruleset = example_rules(StateName::protected_);
    require(nftables.apply(ruleset));
    const std::string original = listed();
    const std::string handles = base_chain_handles();
    const std::string other = "flush table inet killswitchd\n"
                              "delete set inet killswitchd endpoints4_1\n"
                              "add set inet killswitchd endpoints4_1 { type ipv4_addr ; }\n"
                              "add rule inet killswitchd output ip daddr @endpoints4_1 accept\n";
    REQUIRE(run_with_input("nft -f -", other).status == 0);
    REQUIRE_FALSE(wrong(nftables, ruleset).empty());

    require(nftables.apply(ruleset));

    CHECK(wrong(nftables, ruleset).empty());
    CHECK(listed() == original);
    CHECK(base_chain_handles() == handles);
}

TEST_CASE("remove leaves no table, and is content when there is none", "[nftables]") {
    enter();
    Nftables nftables = open_nftables(Ownership::automatic);
    require(nftables.apply(example_rules(StateName::locked)));
    REQUIRE(must("nft list tables") == "table inet killswitchd\n");

    require(nftables.remove());

    CHECK(must("nft list tables").empty());
    CHECK(nftables.read()->empty());
    CHECK(nftables.remove());
}

TEST_CASE("a refused batch leaves the old rules and names the rule", "[nftables][fail-closed]") {
    enter();
    Nftables nftables = open_nftables(Ownership::automatic);
    const Ruleset good = example_rules(StateName::locked);
    require(nftables.apply(good));
    const std::string before = listed();
    Ruleset bad = example_rules(StateName::protected_);
    bad.chains[0].rules.insert(bad.chains[0].rules.begin() + 2,
                               Rule{{match::OutLoopback{}}, {}, Verdict::jump, "nowhere", {}});

    const Status refused = nftables.apply(bad);

    REQUIRE_FALSE(refused);
    CHECK(refused.error().sys_errno == ENOENT);
    CHECK_THAT(refused.error().what,
               contains_text("kernel refused rule 3 of chain output: oif \"lo\" jump nowhere"));
    CHECK(listed() == before);
    CHECK(wrong(nftables, good).empty());
}
