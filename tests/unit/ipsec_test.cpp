// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/step.hpp"
#include "killswitchd/tunnels.hpp"
#include "policies.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace ks;
using namespace ks::test;

namespace {

Situation up(std::vector<std::string> names = {"office"}) {
    Situation situation{StateName::protected_, {}, {}};
    situation.endpoints = known_endpoints(ipsec_policy());
    situation.ipsec_up = std::move(names);
    return situation;
}

Ruleset rules_of(const Policy& policy, const Situation& situation) {
    return compile(policy, situation).value();
}

/// To the internet, as an IPsec policy takes it.
PacketView taken() {
    PacketView packet = web_by("eth0");
    packet.to_encrypt = true;
    return packet;
}

PacketView came() {
    PacketView packet;
    packet.hook = Hook::input;
    packet.in_interface = "eth0";
    packet.source = address("198.51.100.80");
    packet.destination = address("10.8.0.2");
    packet.protocol = proto::kTcp;
    packet.decrypted = true;
    return packet;
}

/// What the kernel makes of it.
PacketView esp_to(const char* gateway) {
    PacketView packet = web_by("eth0");
    packet.destination = address(gateway);
    packet.protocol = proto::kEsp;
    return packet;
}

bool has_rule(const Ruleset& ruleset, const std::string& text) {
    return render_text(ruleset).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("what an IPsec policy takes is in the tunnel, what it leaves is not",
          "[ipsec][fail-closed]") {
    const Ruleset rules = rules_of(ipsec_policy(), up());
    REQUIRE(accepted(rules, taken()));
    REQUIRE(accepted(rules, came()));

    CHECK(evaluate(rules, web_by("eth0")).counter == "uplink");
    PacketView in_clear = came();
    in_clear.decrypted = false;
    CHECK(evaluate(rules, in_clear).counter == "inbound");
}

TEST_CASE("without a policy of the kernel nothing goes into a tunnel by policy",
          "[ipsec][fail-closed]") {
    REQUIRE(accepted(rules_of(ipsec_policy(), up()), taken()));
    const auto state = GENERATE(StateName::locked, StateName::panic);
    const Ruleset rules = rules_of(ipsec_policy(), {state, {}, {}});

    CHECK_FALSE(accepted(rules, taken()));
    CHECK_FALSE(accepted(rules, came()));
    CHECK_FALSE(has_rule(rules, "ipsec"));
}

TEST_CASE("encrypted packets reach the endpoints and nobody else", "[ipsec][fail-closed]") {
    const Ruleset rules = rules_of(ipsec_policy(), situation_of(ipsec_policy(), StateName::locked));
    REQUIRE(accepted(rules, esp_to("203.0.113.9")));
    PacketView answer = esp_to("203.0.113.9");
    answer.hook = Hook::input;
    std::swap(answer.source, answer.destination);
    std::swap(answer.in_interface, answer.out_interface);
    REQUIRE(accepted(rules, answer));

    CHECK_FALSE(accepted(rules, esp_to("203.0.113.10")));
    CHECK_FALSE(accepted(rules_of(ipsec_policy(), up()), esp_to("203.0.113.10")));
    PacketView authenticated = esp_to("203.0.113.9");  // Protocol AH encrypts nothing.
    authenticated.protocol = 51;
    CHECK(evaluate(rules, authenticated).counter == "endpoint-guard");
    std::swap(answer.source, answer.destination);
    CHECK_FALSE(accepted(rules, answer));
}

TEST_CASE("an ICMP error about encrypted packets is heard", "[ipsec]") {
    const Ruleset rules = rules_of(ipsec_policy(), situation_of(ipsec_policy(), StateName::locked));
    PacketView error = came();
    error.decrypted = false;
    error.protocol = proto::kIcmp;
    error.icmp_type = 3;
    error.icmp_code = 4;
    error.inner_destination = address("203.0.113.9");
    REQUIRE(accepted(rules, error));

    error.inner_destination = address("203.0.113.10");
    CHECK_FALSE(accepted(rules, error));
}

TEST_CASE("a mark narrows the encrypted packets", "[ipsec][fail-closed]") {
    Policy policy = ipsec_policy();
    policy.tunnels[0].only.fwmark = MarkMatch{7};
    const Ruleset rules = rules_of(policy, up());
    PacketView marked = esp_to("203.0.113.9");
    marked.mark = 7;
    REQUIRE(accepted(rules, marked));

    CHECK_FALSE(accepted(rules, esp_to("203.0.113.9")));
}

TEST_CASE("IPv6 is blocked in a tunnel by policy too, unless it is wanted there",
          "[ipsec][fail-closed]") {
    Policy policy = ipsec_policy();
    policy.ipv6 = Ipv6::tunnel;
    const Ruleset tunnelled = rules_of(policy, up());
    REQUIRE(accepted(tunnelled, v6(taken())));
    REQUIRE(accepted(tunnelled, v6(came())));
    policy.ipv6 = Ipv6::block;
    const Ruleset blocked = rules_of(policy, up());

    CHECK(evaluate(blocked, v6(taken())).counter == "ipv6");
    CHECK_FALSE(accepted(blocked, v6(came())));
    CHECK(evaluate(tunnelled, v6(web_by("eth0"))).counter == "ipv6");
}

TEST_CASE("DNS in a tunnel by policy reaches only the listed servers", "[ipsec][fail-closed]") {
    Policy policy = ipsec_policy();
    policy.dns_servers.emplace({address("10.8.0.53")});
    const Ruleset rules = rules_of(policy, up());
    PacketView query = taken();
    query.destination_port = GENERATE(as<std::uint16_t>{}, 53, 853);
    query.destination = address("10.8.0.53");
    REQUIRE(accepted(rules, query));
    REQUIRE(accepted(rules, taken()));

    query.destination = address("9.9.9.9");
    CHECK(evaluate(rules, query).counter == "dns");
    query = web_by("eth0");
    query.destination_port = 53;
    CHECK(evaluate(rules, query).counter == "dns");
}

TEST_CASE("guests go into a tunnel by policy, and only answers come out", "[ipsec][fail-closed]") {
    Situation situation = up();
    situation.around.guests = {{"veth1", *Prefix::parse("10.9.0.0/24")}};
    const Ruleset rules = rules_of(ipsec_policy(), situation);
    PacketView out = taken();
    out.hook = Hook::forward;
    out.in_interface = "veth1";
    REQUIRE(accepted(rules, out));
    PacketView back = came();
    back.hook = Hook::forward;
    back.out_interface = "veth1";
    back.ct_established = true;
    REQUIRE(accepted(rules, back));

    out.to_encrypt = false;
    CHECK(evaluate(rules, out).counter == "guest");
    back.ct_established = false;
    CHECK_FALSE(accepted(rules, back));
    back.ct_established = true;
    back.decrypted = false;
    CHECK_FALSE(accepted(rules, back));
}

TEST_CASE("with guests that are to reach nothing, a tunnel by policy is the host's alone",
          "[ipsec][fail-closed]") {
    Policy policy = ipsec_policy();
    Situation situation = up();
    situation.around.guests = {{"veth1", *Prefix::parse("10.9.0.0/24")}};
    PacketView out = taken();
    out.hook = Hook::forward;
    out.in_interface = "veth1";
    REQUIRE(accepted(rules_of(policy, situation), out));
    policy.guests.reach = Guests::Reach::block;

    CHECK_FALSE(accepted(rules_of(policy, situation), out));
}

TEST_CASE("confined programs use a tunnel by policy, and nothing else", "[ipsec][fail-closed]") {
    Policy policy = ipsec_policy();
    policy.scope = Scope::apps;
    policy.apps.users = {1000};
    const Ruleset rules = rules_of(policy, up());
    PacketView packet = taken();
    packet.uid = 1000;
    REQUIRE(accepted(rules, packet));
    PacketView inside_esp = esp_to("203.0.113.9");  // Still the program's own socket.
    inside_esp.uid = 1000;
    REQUIRE(accepted(rules, inside_esp));

    packet.to_encrypt = false;
    CHECK(evaluate(rules, packet).counter == "uplink");
}

TEST_CASE("a device never sees what is to be encrypted, and lets nothing pass for it",
          "[ipsec][raw][fail-closed]") {
    Situation situation = up();
    situation.around.uplinks = {{"eth0", 2, {}}};
    const Ruleset rules = rules_of(ipsec_policy(), situation);
    PacketView at_device = esp_to("203.0.113.9");
    at_device.hook = Hook::egress;
    REQUIRE(accepted(rules, at_device));

    PacketView in_clear = taken();
    in_clear.hook = Hook::egress;
    CHECK(evaluate(rules, in_clear).counter == "raw");
}

TEST_CASE("one rule in each direction stands for all tunnels by policy", "[ipsec]") {
    const Ruleset rules = rules_of(ipsec_policy(), up({"branch", "office"}));

    const auto count = [&](const Match& match) {
        std::ptrdiff_t found = 0;
        for (const Chain& chain : rules.chains) {
            found += std::ranges::count_if(chain.rules, [&](const Rule& rule) {
                return std::ranges::find(rule.matches, match) != rule.matches.end();
            });
        }
        return found;
    };
    CHECK(count(match::ToEncrypt{}) == 2);  // In `output` and in `postrouting`.
    CHECK(count(match::Decrypted{}) == 1);
    CHECK(has_rule(rules, "\t\trt ipsec exists meta nfproto ipv4 accept comment \"tunnel by IPsec "
                          "policy\"\n"));
    CHECK(has_rule(rules, "\t\tmeta ipsec exists meta nfproto ipv4 jump from_tunnel comment "
                          "\"tunnel by IPsec policy\"\n"));
}

TEST_CASE("a tunnel by policy is up when a policy encrypts to one of its endpoints",
          "[ipsec][decide]") {
    const Policy policy = ipsec_policy();
    struct Row {
        IpsecGateways gateways;
        std::vector<std::string> up;
    };
    const auto row = GENERATE(values<Row>({
        {{}, {}},
        {{address("203.0.113.9")}, {"office"}},
        {{address("203.0.113.10")}, {}},
        {{address("192.0.2.1"), address("203.0.113.9")}, {"office"}},
        {{address("2001:db8::9")}, {}},
    }));

    CHECK(live_ipsec(policy, known_endpoints(policy), row.gateways) == row.up);
    const Situation situation = decide(policy, LinkTable{}, {}, {}, row.gateways);
    CHECK(situation.ipsec_up == row.up);
    CHECK((situation.state == StateName::protected_) == !row.up.empty());
    CHECK(ways_out(situation) == row.up);
}

TEST_CASE("a policy to the endpoint of an interface's tunnel opens nothing",
          "[ipsec][decide][fail-closed]") {
    Policy policy = ipsec_policy();
    REQUIRE_FALSE(live_ipsec(policy, known_endpoints(policy), {address("203.0.113.9")}).empty());
    policy.tunnels[0].ipsec = false;
    policy.tunnels[0].interface = "ipsec0";

    CHECK(live_ipsec(policy, known_endpoints(policy), {address("203.0.113.9")}).empty());
    CHECK_FALSE(uses_ipsec(policy));
}

TEST_CASE("no tunnel by policy is up while the links are unknown", "[ipsec][decide][fail-closed]") {
    const IpsecGateways gateways{address("203.0.113.9")};
    REQUIRE(decide(ipsec_policy(), LinkTable{}, {}, {}, gateways).state == StateName::protected_);

    CHECK(decide(ipsec_policy(), std::nullopt, {}, {}, gateways).state == StateName::locked);
}

TEST_CASE("losing sight of the IPsec policies closes the tunnel", "[ipsec][step][fail-closed]") {
    State state;
    state.policy = ipsec_policy();
    state.links = LinkTable{};
    const State open = step(state, IpsecChanged{{address("203.0.113.9")}}).next;
    REQUIRE(accepted(*open.wanted, taken()));
    REQUIRE(step(open, CommitSucceeded{open.wanted}).next.announced ==
            "protected: traffic leaves through office, and by the holes");

    const Step gone = step(open, IpsecChanged{});
    CHECK_FALSE(accepted(*gone.next.wanted, taken()));
    const Step lost = step(open, IpsecUnknown{Error{"socket closed"}});

    CHECK_FALSE(accepted(*lost.next.wanted, taken()));
    REQUIRE(std::holds_alternative<Announce>(lost.effects.back()));
    CHECK(std::get<Announce>(lost.effects.back()).key == "ipsec-unknown");
}

TEST_CASE("with on-drop a tunnel by policy that comes up arms", "[ipsec][step]") {
    State state;
    state.policy = ipsec_policy();
    state.policy.mode = Mode::on_drop;
    state.policy.boot = BootLock::open;
    state.links = LinkTable{};
    state = step(state, IpsecChanged{}).next;
    REQUIRE(state.situation.state == StateName::disarmed);

    state = step(state, IpsecChanged{{address("203.0.113.9")}}).next;
    CHECK(state.situation.state == StateName::protected_);
    state = step(state, IpsecChanged{}).next;
    CHECK(state.situation.state == StateName::locked);
}
