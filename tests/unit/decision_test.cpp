// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/decision.hpp"
#include "policies.hpp"
#include "random_packet.hpp"
#include "random_policy.hpp"
#include "random_world.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace ks;
using namespace ks::test;

namespace {

State state_with(Policy policy, bool up = true) {
    State state;
    state.policy = std::move(policy);
    state.links = links_with("wg0", "wireguard", up);
    (*state.links)[2].addresses = {{address("192.168.1.2"), 24}};
    state.situation = decide(state);
    state.wanted = compile(state.policy, state.situation);
    return state;
}

Decision out_of(const State& state, const PacketView& packet) {
    return decision_on(*state.wanted, packet, Direction::out);
}

std::vector<std::string> cures_of(const State& state, const PacketView& packet,
                                  Direction direction = Direction::out) {
    std::vector<std::string> all;
    for (const Cure& cure : cures(state, packet, direction)) {
        all.push_back(cure.yaml);
    }
    return all;
}

using Cures = std::vector<std::string>;

}  // namespace

TEST_CASE("a refusal names the rule that counted it, in words", "[decision]") {
    struct Row {
        const char* destination;
        std::uint16_t port;
        const char* reason;
        const char* words;
        const char* key;
    };
    const auto row = GENERATE(values<Row>({
        {"198.51.100.9", 443, "uplink", "nothing but the VPN's own packets may leave",
         "allow.outbound is empty (default)"},
        {"9.9.9.9", 53, "dns", "no name server may be asked", "lan.dns is false (default)"},
        {"192.168.1.9", 631, "lan", "the local network is not allowed",
         "lan.allow is false (default)"},
        {"203.0.113.7", 51820, "endpoint-guard", "it goes to a VPN server",
         "tunnels: endpoints and `only` of the tunnel"},
    }));
    const State state = state_with(wireguard_policy());
    PacketView packet = web_by("eth0");
    packet.destination = address(row.destination);
    packet.destination_port = row.port;

    const Decision decision = out_of(state, packet);

    CHECK_FALSE(decision.allowed);
    CHECK(decision.reason == row.reason);
    CHECK(why_refused(decision).find(row.words) == 0);
    CHECK(key_behind(decision, state.policy) == row.key);
    CHECK(decision.chain == "output");
    CHECK(decision.rule > 0);
    CHECK(decision.rule <= decision.rules);
    CHECK(decision.text.find("goto") == std::string::npos);
    CHECK(decision.text.find(row.reason) != std::string::npos);
}

TEST_CASE("IPv6, guests and who comes in are refused for reasons of their own", "[decision]") {
    const State state = state_with(wireguard_policy());
    CHECK(out_of(state, v6(web_by("eth0"))).reason == "ipv6");
    CHECK(decision_on(*state.wanted, web_by("eth0"), Direction::forward).reason == "guest");
    const Decision in = decision_on(*state.wanted, web_by(""), Direction::in);
    CHECK(in.reason == "inbound");
    CHECK(in.chain == "input");
    CHECK(key_behind(in, state.policy) == "allow.inbound is empty (default)");
}

TEST_CASE("what is allowed names the rule that let it pass", "[decision]") {
    const State state = state_with(wireguard_policy());
    PacketView packet = web_by("wg0");
    packet.out_kind = "wireguard";
    const Decision inside = out_of(state, packet);
    CHECK(inside.allowed);
    CHECK(inside.comment == "tunnel wg0");
    CHECK(inside.chain == "asked");
    CHECK(inside.reason.empty());
    CHECK(key_behind(inside, state.policy).empty());
}

TEST_CASE("the first hook that refuses decides, and one that nobody hooks allows", "[decision]") {
    const Chain pass{"output", Hook::output, {{{}, {}, Verdict::accept, {}, "first"}}};
    const Chain stop{"postrouting",
                     Hook::postrouting,
                     {{{match::OutInterface{"eth1"}}, {}, Verdict::accept, {}, "last"}}};
    const Decision both = decision_on({{}, {}, {pass, stop}}, web_by("eth0"), Direction::out);
    CHECK_FALSE(both.allowed);
    CHECK(both.chain == "postrouting");
    CHECK(both.text == "policy drop");
    CHECK(both.rule == 2);
    CHECK(both.rules == 1);
    const Decision elsewhere = decision_on({{}, {}, {pass, stop}}, web_by("eth1"), Direction::out);
    CHECK(elsewhere.allowed);
    CHECK(elsewhere.comment == "first");
    CHECK(decision_on({{}, {}, {pass}}, web_by("eth0"), Direction::in).allowed);
}

TEST_CASE("a cure is the change that lets this packet pass, and no other is named", "[decision]") {
    const State state = state_with(wireguard_policy());
    PacketView packet = web_by("eth0");
    CHECK(cures_of(state, packet) ==
          Cures{"allow: { outbound: [{ to: 198.51.100.9, ports: [443/tcp] }] }"});
    packet.destination = address("192.168.1.9");
    CHECK(cures_of(state, packet) ==
          Cures{"lan: { allow: true }",
                "allow: { outbound: [{ to: 192.168.1.9, ports: [443/tcp] }] }"});
    packet.destination_port = 53;
    CHECK(cures_of(state, packet) ==
          Cures{"lan: { allow: true, dns: true }",
                "allow: { outbound: [{ to: 192.168.1.9, ports: [53/tcp] }] }"});
    packet = v6(web_by("wg0"));
    packet.out_kind = "wireguard";
    CHECK(cures_of(state, packet) ==
          Cures{"ipv6: tunnel",
                "allow: { outbound: [{ to: \"2001:db8:1::9\", ports: [443/tcp] }] }"});
    CHECK(cures_of(state, web_by(""), Direction::in) ==
          Cures{"allow: { inbound: [{ from: 192.168.1.2, ports: [443/tcp] }] }"});
}

TEST_CASE("every cure is a config that is valid and lets the packet pass", "[decision]") {
    const CgroupIds cgroups{{"a.slice", 17}};
    const std::vector<Sender> senders{{0, 0, {}}, {1000, 1000, {17}}};
    int tried = 0;
    for (unsigned seed = 0; seed < 60; ++seed) {
        Dice dice(seed);
        State state;
        state.policy = random_policy(dice, cgroups);
        state.links = random_links(dice);
        state.cgroups = cgroups;
        state.situation = decide(state);
        state.wanted = compile(state.policy, state.situation);
        if (!state.wanted) {
            continue;
        }
        PacketMaker maker(dice, *state.wanted, senders);
        for (int i = 0; i < 20; ++i) {
            const PacketView packet = maker.make();
            const Direction direction = packet.hook == Hook::input     ? Direction::in
                                        : packet.hook == Hook::forward ? Direction::forward
                                                                       : Direction::out;
            if (decision_on(*state.wanted, packet, direction).allowed) {
                continue;
            }
            for (const Cure& cure : cures(state, packet, direction)) {
                const LoadedConfig config = parse_config(
                    {{"base", config_text(state.policy)}, {"cure", cure.yaml}}, NameLookup{});
                INFO(cure.yaml << "\n" << config_text(state.policy));
                REQUIRE(config.ok());
                State cured = state;
                cured.policy = *config.policy;
                const auto rules = compile(cured.policy, decide(cured));
                REQUIRE(rules);
                CHECK(decision_on(*rules, packet, direction).allowed);
                ++tried;
            }
        }
    }
    CHECK(tried > 50);
}
