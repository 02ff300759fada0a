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

/// Two guest bridges of both families and a LAN.
Ruleset rules_of(const Policy& policy, StateName state = StateName::locked) {
    Situation situation = situation_of(policy, state);
    situation.around.guests = {{"br0", *Prefix::parse("10.77.0.0/24")},
                               {"br0", *Prefix::parse("fd77::/64")},
                               {"br1", *Prefix::parse("10.78.0.0/24")}};
    situation.around.lan = {{"eth0", *Prefix::parse("192.168.1.0/24")},
                            {"eth0", *Prefix::parse("fd00::/64")}};
    if (state == StateName::protected_) {
        situation.tunnels_up = {{"wg0", {}}};
    }
    return compile(policy, situation).value();
}

PacketView packet(Hook hook, const char* in, const char* out, const char* from, const char* to) {
    PacketView made = web_by(out);
    made.hook = hook;
    made.in_interface = in;
    made.source = address(from);
    made.destination = address(to);
    return made;
}

PacketView out_of(const char* by, const char* to) {
    const bool v4 = address(to).family == IpFamily::v4;
    return packet(Hook::output, "", by, v4 ? "192.168.1.2" : "fd00::2", to);
}

PacketView into(const char* by, const char* from) {
    const bool v4 = address(from).family == IpFamily::v4;
    return packet(Hook::input, by, "", from, v4 ? "192.168.1.2" : "fd00::2");
}

}  // namespace

TEST_CASE("the host reaches a guest in the guest's network alone", "[guests][fail-closed]") {
    const Ruleset rules = rules_of(wireguard_policy());
    REQUIRE(accepted(rules, out_of("br0", "10.77.0.5")));
    REQUIRE(accepted(rules, out_of("br0", "fd77::5")));

    CHECK_FALSE(accepted(rules, out_of("br0", "198.51.100.9")));
    CHECK_FALSE(accepted(rules, out_of("br0", "10.78.0.5")));
    CHECK_FALSE(accepted(rules, out_of("br0", "2001:db8::5")));
    CHECK_FALSE(accepted(rules, out_of("eth0", "10.77.0.5")));
    CHECK_FALSE(accepted(rules, out_of("eth0", "fd77::5")));
}

TEST_CASE("a guest reaches the host from its own network alone", "[guests][fail-closed]") {
    const Ruleset rules = rules_of(wireguard_policy());
    REQUIRE(accepted(rules, into("br0", "10.77.0.5")));

    CHECK_FALSE(accepted(rules, into("br0", "10.78.0.5")));
    CHECK_FALSE(accepted(rules, into("br0", "198.51.100.9")));
    CHECK_FALSE(accepted(rules, into("eth1", "10.77.0.5")));
}

TEST_CASE("guests reach each other by the right devices alone", "[guests][fail-closed]") {
    const Ruleset rules = rules_of(wireguard_policy());
    const auto passes = [&](const char* in, const char* out, const char* to) {
        return accepted(rules, packet(Hook::forward, in, out, "10.77.0.5", to));
    };
    REQUIRE(passes("br0", "br1", "10.78.0.5"));
    REQUIRE(passes("br0", "br0", "10.77.0.6"));

    CHECK_FALSE(passes("br0", "eth0", "10.78.0.5"));
    CHECK_FALSE(passes("eth0", "br1", "10.78.0.5"));
    CHECK_FALSE(passes("br0", "br1", "10.77.0.6"));
    CHECK_FALSE(passes("br0", "br1", "198.51.100.9"));
    CHECK_FALSE(passes("br0", "eth0", "198.51.100.9"));
}

TEST_CASE("guests go into the tunnel, and only answers come out", "[guests][fail-closed]") {
    Policy policy = wireguard_policy();
    const Ruleset rules = rules_of(policy, StateName::protected_);
    const PacketView out = packet(Hook::forward, "br0", "wg0", "10.77.0.5", "198.51.100.9");
    PacketView in = packet(Hook::forward, "wg0", "br0", "198.51.100.9", "10.77.0.5");
    in.ct_established = true;
    REQUIRE(accepted(rules, out));
    REQUIRE(accepted(rules, in));

    PacketView called = in;
    called.ct_established = false;
    CHECK_FALSE(accepted(rules, called));
    PacketView from_outside = out;
    from_outside.in_interface = "eth0";
    CHECK_FALSE(accepted(rules, from_outside));
    PacketView past = out;
    past.out_interface = "eth0";
    CHECK_FALSE(accepted(rules, past));
    PacketView elsewhere = in;
    elsewhere.out_interface = "eth0";
    CHECK_FALSE(accepted(rules, elsewhere));
    const PacketView v6 = packet(Hook::forward, "br0", "wg0", "fd77::5", "2001:db8::9");
    CHECK_FALSE(accepted(rules, v6));

    policy.guests.reach = Guests::Reach::block;
    CHECK_FALSE(accepted(rules_of(policy, StateName::protected_), out));
    CHECK_FALSE(accepted(rules_of(policy, StateName::locked), out));
}

TEST_CASE("DNS of guests in the tunnel reaches the listed servers alone", "[guests][fail-closed]") {
    Policy policy = wireguard_policy();
    PacketView query = packet(Hook::forward, "br0", "wg0", "10.77.0.5", "198.51.100.9");
    query.protocol = proto::kUdp;
    query.destination_port = 53;
    REQUIRE(accepted(rules_of(policy, StateName::protected_), query));
    policy.dns_servers = {{address("10.64.0.1")}};
    const Ruleset rules = rules_of(policy, StateName::protected_);

    CHECK_FALSE(accepted(rules, query));
    CHECK(evaluate(rules, query).counter == "dns");
    query.destination = address("10.64.0.1");
    CHECK(accepted(rules, query));
}

TEST_CASE("a guest gets its address from the host by its own device", "[guests]") {
    const Ruleset rules = rules_of(wireguard_policy());
    PacketView question = packet(Hook::input, "br0", "", "0.0.0.0", "255.255.255.255");
    question.protocol = proto::kUdp;
    question.source_port = 68;
    question.destination_port = 67;
    PacketView answer = packet(Hook::output, "", "br0", "10.77.0.1", "10.99.0.9");
    answer.protocol = proto::kUdp;
    answer.source_port = 67;
    answer.destination_port = 68;
    REQUIRE(accepted(rules, question));
    REQUIRE(accepted(rules, answer));

    question.in_interface = "eth0";
    answer.out_interface = "eth0";
    CHECK_FALSE(accepted(rules, question));
    CHECK_FALSE(accepted(rules, answer));
    answer.out_interface = "br0";
    answer.destination_port = 69;
    CHECK_FALSE(accepted(rules, answer));
}

TEST_CASE("neighbour discovery reaches a guest by its own device", "[guests]") {
    Situation situation = situation_of(wireguard_policy(), StateName::locked);
    situation.around.guests = {{"br0", *Prefix::parse("fd77::/64")}};
    const Ruleset rules = compile(wireguard_policy(), situation).value();
    PacketView solicit = out_of("br0", "ff02::1:ff00:5");
    solicit.protocol = proto::kIcmpv6;
    solicit.icmp_type = 135;
    solicit.hop_limit = 255;
    REQUIRE(accepted(rules, solicit));

    PacketView other = solicit;
    other.out_interface = "eth0";
    CHECK_FALSE(accepted(rules, other));
    other = solicit;
    other.hop_limit = 254;
    CHECK_FALSE(accepted(rules, other));
    other = solicit;
    other.protocol = proto::kUdp;
    CHECK_FALSE(accepted(rules, other));
    other = solicit;
    other.destination = address("2001:db8::5");
    CHECK_FALSE(accepted(rules, other));
}

TEST_CASE("panic leaves guests and LAN nothing", "[guests][fail-closed]") {
    const Ruleset rules = rules_of(wireguard_policy(), StateName::panic);

    CHECK_FALSE(accepted(rules, out_of("br0", "10.77.0.5")));
    CHECK_FALSE(accepted(rules, into("br0", "10.77.0.5")));
    CHECK_FALSE(accepted(rules, out_of("eth0", "192.168.1.7")));
    CHECK_FALSE(accepted(rules, packet(Hook::forward, "br0", "br1", "10.77.0.5", "10.78.0.5")));
}

TEST_CASE("the LAN is its networks by its device", "[lan][fail-closed]") {
    const Ruleset rules = rules_of(wireguard_policy());
    REQUIRE(accepted(rules, out_of("eth0", "192.168.1.7")));
    REQUIRE(accepted(rules, out_of("eth0", "224.0.0.251")));
    REQUIRE(accepted(rules, out_of("eth0", "239.255.255.250")));
    REQUIRE(accepted(rules, out_of("eth0", "255.255.255.255")));
    REQUIRE(accepted(rules, out_of("eth0", "ff02::fb")));

    for (const char* const to : {"192.168.1.7", "224.0.0.251", "ff02::fb"}) {
        CHECK_FALSE(accepted(rules, out_of("eth1", to)));
    }
    for (const char* const to : {"192.168.2.7", "224.0.1.1", "238.0.0.1", "240.0.0.1", "ff05::1",
                                 "fd00:0:0:1::7", "198.51.100.9"}) {
        INFO(to);
        CHECK_FALSE(accepted(rules, out_of("eth0", to)));
    }
}

TEST_CASE("LAN hosts answer, and call only where that is allowed", "[lan][fail-closed]") {
    Policy policy = wireguard_policy();
    const Ruleset rules = rules_of(policy);
    PacketView answer = into("eth0", "192.168.1.7");
    answer.ct_established = true;
    PacketView found = into("eth0", "192.168.1.7");
    found.protocol = proto::kUdp;
    found.source_port = 5353;
    REQUIRE(accepted(rules, answer));
    REQUIRE(accepted(rules, found));

    PacketView called = answer;
    called.ct_established = false;
    CHECK_FALSE(accepted(rules, called));
    PacketView by_tcp = found;
    by_tcp.protocol = proto::kTcp;
    CHECK_FALSE(accepted(rules, by_tcp));
    for (PacketView wrong : {answer, found}) {
        wrong.source = address("192.168.2.7");
        CHECK_FALSE(accepted(rules, wrong));
        wrong.source = address("192.168.1.7");
        wrong.in_interface = "eth1";
        CHECK_FALSE(accepted(rules, wrong));
    }
    found.source_port = 5354;
    CHECK_FALSE(accepted(rules, found));

    policy.lan.inbound = true;
    CHECK(accepted(rules_of(policy), called));
    called.in_interface = "eth1";
    CHECK_FALSE(accepted(rules_of(policy), called));
}

TEST_CASE("a LAN resolver is asked only where that is allowed", "[lan][fail-closed]") {
    Policy policy = wireguard_policy();
    PacketView query = out_of("eth0", "192.168.1.1");
    query.protocol = proto::kUdp;
    query.destination_port = 53;
    CHECK(evaluate(rules_of(policy), query).counter == "dns");
    policy.lan.dns = true;

    CHECK(accepted(rules_of(policy), query));
    query.destination = address("9.9.9.9");
    CHECK(evaluate(rules_of(policy), query).counter == "dns");
}
