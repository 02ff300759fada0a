// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/desired_tables.hpp"
#include "killswitchd/differences.hpp"
#include "killswitchd/ended.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/sets.hpp"
#include "policies.hpp"

#include <algorithm>
#include <chrono>
#include <string>

using namespace ks;
using namespace ks::test;
using namespace std::chrono_literals;

namespace {

constexpr auto kEnd = 600s;

Situation locked(RawSupport raw) {
    Situation situation = situation_of(wireguard_policy(), StateName::locked);
    situation.raw_support = raw;
    situation.around.uplinks = {{"eth0", 2}};
    return situation;
}

Situation paused(RawSupport raw) {
    Situation situation = locked(raw);
    situation.state = StateName::paused;
    situation.open_until = kEnd;
    return situation;
}

Ruleset rules_of(const Situation& situation) {
    return *compile(wireguard_policy(), situation);
}

ObservedTables tables_of(const Ruleset& ruleset) {
    return *desired_tables(ruleset);
}

/// Moves the end of everything that ends by itself.
ObservedTables ending(ObservedTables tables, std::chrono::nanoseconds until) {
    for (auto& [family, table] : tables) {
        for (ObservedSet& set : table.sets) {
            for (auto& [key, end] : set.timed) {
                end = until;
            }
        }
    }
    return tables;
}

bool is_switch(const Rule& rule) {
    return rule.verdict == Verdict::accept &&
           render_text(rule).starts_with("meta pkttype @paused accept");
}

}  // namespace

TEST_CASE("a paused table is the locked one behind a first rule", "[pause][fail-closed]") {
    const auto raw =
        GENERATE(RawSupport::every_device, RawSupport::kernel_can, RawSupport::kernel_cannot);
    const Ruleset behind = rules_of(locked(raw));
    Ruleset with = rules_of(paused(raw));

    std::size_t switches = 0;
    for (Chain& chain : with.chains) {
        const bool every = at_every_device(chain);
        const bool first = !chain.rules.empty() && is_switch(chain.rules.front());
        CHECK((every || first || !chain.hook));  // And the chain at every device jumps to one.
        if (every) {
            const auto target =
                std::ranges::find(with.chains, chain.rules.front().target, &Chain::name);
            CHECK((target->rules.size() > 1));
        }
        if (first) {
            chain.rules.erase(chain.rules.begin());
            ++switches;
        }
    }
    CHECK(switches >= 4);
    REQUIRE(with.sets.back().name == kPausedSet);
    CHECK(with.sets.back().timed.size() == kPacketTypes);
    with.sets.pop_back();
    CHECK(with == behind);
}

TEST_CASE("everything passes in a pause, at every hook", "[pause]") {
    const Ruleset rules = rules_of(paused(RawSupport::every_device));
    PacketView packet;
    packet.hook =
        GENERATE(Hook::output, Hook::input, Hook::forward, Hook::postrouting, Hook::egress);
    packet.out_interface = packet.hook == Hook::input ? "" : "eth0";
    packet.in_interface = packet.hook == Hook::output ? "" : "eth0";
    packet.source = *IpAddress::parse("192.0.2.2");
    packet.destination = *IpAddress::parse("198.51.100.9");
    REQUIRE(evaluate(rules_of(locked(RawSupport::every_device)), packet).verdict !=
            Verdict::accept);

    CHECK(evaluate(rules, packet).verdict == Verdict::accept);
}

TEST_CASE("a user's pause is nobody else's, and of no other family than the rest", "[pause]") {
    Policy policy = wireguard_policy();
    policy.ipv6 = GENERATE(Ipv6::block, Ipv6::tunnel);
    Situation situation = locked(RawSupport::every_device);
    PacketView packet;
    packet.hook = GENERATE(Hook::output, Hook::postrouting, Hook::egress);
    packet.out_interface = "eth0";
    const bool v4 = GENERATE(true, false);
    packet.source = *IpAddress::parse(v4 ? "192.0.2.2" : "2001:db8::2");
    packet.destination = *IpAddress::parse(v4 ? "198.51.100.9" : "2001:db8:9::9");
    packet.uid = 1000;
    REQUIRE(evaluate(*compile(policy, situation), packet).verdict != Verdict::accept);

    situation.user_pauses = {{1000, kEnd}};
    const Ruleset rules = *compile(policy, situation);

    const bool may = v4 || policy.ipv6 == Ipv6::tunnel;
    CHECK((evaluate(rules, packet).verdict == Verdict::accept) == may);
    packet.uid = 1001;
    CHECK(evaluate(rules, packet).verdict != Verdict::accept);
    packet.uid.reset();
    CHECK(evaluate(rules, packet).verdict != Verdict::accept);
    packet.uid = 1000;
    situation.state = StateName::panic;
    CHECK(evaluate(*compile(policy, situation), packet).verdict != Verdict::accept);
}

TEST_CASE("what a user's pause leaves in the kernel is not seen", "[pause][fail-closed]") {
    Situation situation = locked(RawSupport::every_device);
    const std::optional<Ruleset> wanted = rules_of(situation);
    situation.user_pauses = {{1000, kEnd}, {1001, kEnd - 60s}};
    ObservedTables left = tables_of(rules_of(situation));
    REQUIRE_FALSE(differences(wanted, left).empty());

    ObservedTables lasting = left;
    drop_ended(lasting, wanted, kEnd - 1s);
    CHECK_FALSE(differences(wanted, lasting).empty());
    drop_ended(left, wanted, kEnd + 1s);
    CHECK(differences(wanted, left).empty());
}

TEST_CASE("its text ends when it does, and opens nothing for who does not know the time",
          "[pause][fail-closed]") {
    const Ruleset rules = rules_of(paused(RawSupport::kernel_cannot));

    CHECK(render_text(rules).find("elements") == std::string::npos);
    CHECK(render_text(rules, {}, kEnd - 60s).find("{ 0 timeout 60s,") != std::string::npos);
    CHECK(render_text(rules, {}, kEnd - 1ms).find("elements") == std::string::npos);
    CHECK(render_text(rules, {}, kEnd + 1s).find("elements") == std::string::npos);
}

TEST_CASE("what ended in the kernel is no difference, what ends later is one",
          "[pause][fail-closed]") {
    const Ruleset rules = rules_of(paused(RawSupport::every_device));
    const ObservedTables as_wanted = tables_of(rules);
    REQUIRE(differences(rules, as_wanted).empty());

    ObservedTables empty = as_wanted;
    for (auto& [family, table] : empty) {
        for (ObservedSet& set : table.sets) {
            set.timed.clear();
        }
    }
    CHECK(differences(rules, empty).empty());
    CHECK(differences(rules, ending(as_wanted, kEnd - 300s)).empty());
    const auto longer = differences(rules, ending(as_wanted, kEnd + 60s));
    REQUIRE_FALSE(longer.empty());
    CHECK(describe(longer.front()).find("set inet killswitchd paused") == 0);

    ObservedTables for_ever = as_wanted;
    ObservedSet& set = for_ever.at(TableFamily::inet).sets.back();
    REQUIRE(set.name == kPausedSet);
    set.elements.push_back(set.timed.begin()->first);
    set.timed.erase(set.timed.begin());
    CHECK_FALSE(differences(rules, for_ever).empty());
}

TEST_CASE("what is left of a pause that ended is not seen, but only that", "[pause][fail-closed]") {
    const std::optional<Ruleset> wanted = rules_of(locked(RawSupport::every_device));
    const ObservedTables left = tables_of(rules_of(paused(RawSupport::every_device)));
    REQUIRE_FALSE(differences(wanted, left).empty());

    ObservedTables ended = left;
    drop_ended(ended, wanted, kEnd + 1s);
    CHECK(differences(wanted, ended).empty());

    ObservedTables lasting = left;
    drop_ended(lasting, wanted, kEnd - 1s);
    CHECK_FALSE(differences(wanted, lasting).empty());

    ObservedTables for_ever = left;
    for (auto& [family, table] : for_ever) {
        for (ObservedSet& set : table.sets) {
            if (set.name == kPausedSet) {
                set.elements.emplace_back(1, '\0');
            }
        }
    }
    drop_ended(for_ever, wanted, kEnd + 1s);
    CHECK_FALSE(differences(wanted, for_ever).empty());
}
