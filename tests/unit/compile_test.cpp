// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "policies.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;

namespace {

Ruleset rules_of(const Policy& policy, StateName state, std::vector<std::string> up = {}) {
    return compile(policy, situation_of(policy, state, std::move(up))).value();
}

PacketView to_endpoint(std::uint32_t mark) {
    PacketView packet = web_by("eth0");
    packet.destination = address("203.0.113.7");
    packet.protocol = proto::kUdp;
    packet.destination_port = 51820;
    packet.mark = mark;
    return packet;
}

}  // namespace

TEST_CASE("disarmed means no table", "[compile]") {
    CHECK_FALSE(compile(wireguard_policy(), {StateName::disarmed, {}, {}}));
}

TEST_CASE("a protected host sends through the tunnel alone", "[compile][fail-closed]") {
    const Ruleset rules = rules_of(wireguard_policy(), StateName::protected_, {"wg0"});
    REQUIRE(accepted(rules, web_by("wg0")));
    REQUIRE(accepted(rules, web_by("lo")));

    CHECK(evaluate(rules, web_by("eth0")).verdict == Verdict::reject_tcp);
    CHECK(evaluate(rules, web_by("eth0")).counter == "uplink");
    CHECK_FALSE(accepted(rules, web_by("wg1")));
}

TEST_CASE("a locked host does not use a tunnel's name", "[compile][fail-closed]") {
    REQUIRE(accepted(rules_of(wireguard_policy(), StateName::protected_, {"wg0"}), web_by("wg0")));

    CHECK_FALSE(accepted(rules_of(wireguard_policy(), StateName::locked), web_by("wg0")));
}

TEST_CASE("the endpoint is address and protocol and port and sender", "[compile][fail-closed]") {
    const Ruleset rules = rules_of(wireguard_policy(), StateName::locked);
    REQUIRE(accepted(rules, to_endpoint(0xca6c)));

    PacketView other_port = to_endpoint(0xca6c);
    other_port.destination_port = 51821;
    PacketView other_protocol = to_endpoint(0xca6c);
    other_protocol.protocol = proto::kTcp;
    PacketView ping = to_endpoint(0xca6c);
    ping.protocol = proto::kIcmp;
    for (const PacketView& wrong :
         {to_endpoint(0), to_endpoint(0xca6d), other_port, other_protocol, ping}) {
        CHECK_FALSE(accepted(rules, wrong));
        CHECK(evaluate(rules, wrong).counter == "endpoint-guard");
    }
}

TEST_CASE("an endpoint in a set is matched as strictly as one in a rule", "[compile]") {
    Policy policy = wireguard_policy();
    for (std::uint8_t i = 1; i <= 9; ++i) {
        policy.tunnels[0].endpoints.push_back(udp(fmt::format("198.51.100.{}", i), 1194));
    }
    const Ruleset rules = rules_of(policy, StateName::locked);
    REQUIRE(rules.sets.size() == 2);
    REQUIRE(accepted(rules, to_endpoint(0xca6c)));

    PacketView swapped = to_endpoint(0xca6c);
    swapped.destination_port = 1194;
    CHECK(evaluate(rules, swapped).counter == "endpoint-guard");
}

TEST_CASE("a missing cgroup closes the endpoint, an existing one opens it",
          "[compile][fail-closed]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].only = {};
    policy.tunnels[0].only.cgroup = "system.slice/vpn.service";
    PacketView packet = to_endpoint(0);
    packet.cgroups = {11, 42};
    Situation with = situation_of(policy, StateName::locked);
    with.cgroups = {{"system.slice/vpn.service", 42}};
    REQUIRE(accepted(compile(policy, with).value(), packet));

    CHECK_FALSE(accepted(rules_of(policy, StateName::locked), packet));
    packet.cgroups = {42};
    CHECK_FALSE(accepted(compile(policy, with).value(), packet));
}

TEST_CASE("IPv6 is blocked in the tunnel too, unless it is wanted there", "[compile]") {
    Policy policy = wireguard_policy();
    const Ruleset blocked = rules_of(policy, StateName::protected_, {"wg0"});
    policy.ipv6 = Ipv6::tunnel;
    const Ruleset tunnelled = rules_of(policy, StateName::protected_, {"wg0"});
    REQUIRE(accepted(tunnelled, v6(web_by("wg0"))));

    CHECK_FALSE(accepted(blocked, v6(web_by("wg0"))));
    CHECK(evaluate(blocked, v6(web_by("wg0"))).counter == "ipv6");
    CHECK(evaluate(tunnelled, v6(web_by("eth0"))).counter == "ipv6");
}

TEST_CASE("DNS never leaves outside the tunnel", "[compile]") {
    const Ruleset rules = rules_of(wireguard_policy(), StateName::protected_, {"wg0"});
    PacketView query = web_by("wg0");
    query.destination_port = GENERATE(as<std::uint16_t>{}, 53, 853);
    query.protocol = GENERATE(proto::kUdp, proto::kTcp);
    query.destination = address(GENERATE("9.9.9.9", "192.168.1.1"));
    REQUIRE(accepted(rules, query));

    query.out_interface = "eth0";
    CHECK(evaluate(rules, query).counter == "dns");
}

TEST_CASE("a list of DNS servers closes all others in the tunnel", "[compile]") {
    Policy policy = wireguard_policy();
    policy.dns_servers = {{address("10.0.0.1")}};
    const Ruleset rules = rules_of(policy, StateName::protected_, {"wg0"});
    PacketView query = web_by("wg0");
    query.destination_port = 53;
    query.destination = address("10.0.0.1");
    REQUIRE(accepted(rules, query));
    REQUIRE(accepted(rules, web_by("wg0")));

    query.destination = address("10.0.0.2");
    CHECK(evaluate(rules, query).counter == "dns");
}

TEST_CASE("DHCP passes in both directions, discovery and renewal", "[compile]") {
    const Ruleset rules = rules_of(wireguard_policy(), StateName::locked);
    PacketView request = web_by("eth0");
    request.protocol = proto::kUdp;
    request.source_port = 68;
    request.destination_port = 67;
    request.destination = address(GENERATE("255.255.255.255", "192.168.1.1"));
    CHECK(accepted(rules, request));

    PacketView answer = request;
    answer.hook = Hook::input;
    answer.in_interface = "eth0";
    answer.out_interface.clear();
    std::swap(answer.source_port, answer.destination_port);
    CHECK(accepted(rules, answer));

    request.source_port = 1024;
    CHECK_FALSE(accepted(rules, request));
}

namespace {

/// Whether IPv6 gets what a link needs before anything can leave by it.
bool opens_ipv6_links(const Policy& policy, const Situation& situation) {
    PacketView request = dhcp6_request_by("eth0");
    PacketView advert = request;
    advert.hook = Hook::input;
    advert.in_interface = "eth0";
    advert.protocol = proto::kIcmpv6;
    advert.icmp_type = 134;
    advert.hop_limit = 255;
    const Ruleset rules = compile(policy, situation).value();
    CHECK(accepted(rules, request) == accepted(rules, advert));
    return accepted(rules, request);
}

}  // namespace

TEST_CASE("IPv6 of a link is open only where something needs it", "[compile][fail-closed]") {
    Policy policy = wireguard_policy();
    Situation situation = situation_of(policy, StateName::locked);
    situation.around.lan = {{"eth0", *Prefix::parse("192.168.1.0/24")}};
    AllowRule v4;
    v4.far = Prefix::parse("192.0.2.0/24");
    policy.outbound = policy.inbound = {v4};
    REQUIRE_FALSE(opens_ipv6_links(policy, situation));

    AllowRule v6;
    v6.far = Prefix::parse("2001:db8::/32");
    SECTION("an endpoint") {
        situation.endpoints["home"].push_back({udp("2001:db8::7", 51820)});
    }
    SECTION("a local network") {
        situation.around.lan.push_back({"eth0", *Prefix::parse("fd00::/64")});
    }
    SECTION("an outbound exception") {
        policy.outbound.push_back(v6);
    }
    SECTION("an inbound exception") {
        policy.inbound.push_back(v6);
    }
    SECTION("an exception for every address") {
        policy.outbound.push_back({});
        CHECK_FALSE(opens_ipv6_links(policy, situation));
        policy.ipv6 = Ipv6::tunnel;
    }
    CHECK(opens_ipv6_links(policy, situation));
}

TEST_CASE("DHCPv6 asks nobody in a tunnel that IPv6 may not enter", "[compile][fail-closed]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].endpoints.push_back(udp("2001:db8::7", 51820));
    const Ruleset rules = rules_of(policy, StateName::protected_);
    PacketView request = dhcp6_request_by("eth0");
    REQUIRE(accepted(rules, request));

    request.out_interface = "wg0";
    CHECK_FALSE(accepted(rules, request));
}

TEST_CASE("DHCPv6 asks its group, and hears the link", "[compile][fail-closed]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].endpoints.push_back(udp("2001:db8::7", 51820));
    const Ruleset rules = rules_of(policy, StateName::locked);
    PacketView answer = v6(web_by(""));
    answer.hook = Hook::input;
    answer.in_interface = "eth0";
    answer.source = address("fe80::1");
    answer.destination = address("fe80::2");
    answer.protocol = proto::kUdp;
    answer.source_port = 547;
    answer.destination_port = 546;
    REQUIRE(accepted(rules, answer));

    SECTION("not from somebody far away") {
        answer.source = address("2001:db8::1");
    }
    SECTION("not from another port") {
        answer.source_port = 548;
    }
    SECTION("not to another port") {
        answer.destination_port = 547;
    }
    SECTION("not by TCP") {
        answer.protocol = proto::kTcp;
    }
    CHECK_FALSE(accepted(rules, answer));
}

TEST_CASE("neighbours are heard, and nobody else who speaks ICMPv6", "[compile][fail-closed]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].endpoints.push_back(udp("2001:db8::7", 51820));
    const Ruleset rules = rules_of(policy, StateName::locked);
    PacketView message = v6(web_by(""));
    message.hook = Hook::input;
    message.in_interface = "eth0";
    message.protocol = proto::kIcmpv6;
    message.hop_limit = 255;
    for (int type = 128; type < 144; ++type) {
        message.icmp_type = static_cast<std::uint8_t>(type);
        CAPTURE(type);
        CHECK(accepted(rules, message) == (type >= 134 && type <= 136));
    }
    message.icmp_type = 134;
    message.in_interface = "wg0";
    CHECK_FALSE(accepted(rules, message));
}

TEST_CASE("neighbour discovery is open only for an IPv6 endpoint", "[compile]") {
    Policy policy = wireguard_policy();
    PacketView solicit = v6(web_by("eth0"));
    solicit.protocol = proto::kIcmpv6;
    solicit.icmp_type = 135;
    solicit.hop_limit = 255;
    solicit.destination = address("ff02::1:ff00:1");
    CHECK_FALSE(accepted(rules_of(policy, StateName::locked), solicit));
    policy.tunnels[0].endpoints.push_back(udp("2001:db8::7", 51820));
    const Ruleset rules = rules_of(policy, StateName::locked);
    REQUIRE(accepted(rules, solicit));

    SECTION("not with a hop limit that a router has lowered") {
        solicit.hop_limit = 254;
    }
    SECTION("not an echo request") {
        solicit.icmp_type = 128;
    }
    SECTION("not through the tunnel") {
        solicit.out_interface = "wg0";
    }
    SECTION("not to somebody far away") {
        solicit.destination = address("2001:db8:1::1");
    }
    CHECK_FALSE(accepted(rules, solicit));
}

TEST_CASE("neighbour discovery reaches neighbours, each by its own link", "[compile]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].endpoints.push_back(udp("2001:db8::7", 51820));
    Situation situation = situation_of(policy, StateName::locked);
    situation.around.neighbours = {{"eth0", *Prefix::parse("2001:db8:1::/64")},
                                   {"eth1", *Prefix::parse("2001:db8:2::/64")}};
    const Ruleset rules = *compile(policy, situation);
    PacketView message = v6(web_by("eth0"));
    message.protocol = proto::kIcmpv6;
    message.hop_limit = 255;
    const auto reaches = [&](std::uint8_t type, const char* to) {
        message.icmp_type = type;
        message.destination = address(to);
        return accepted(rules, message);
    };

    for (const std::uint8_t type : {std::uint8_t{135}, std::uint8_t{136}}) {
        CAPTURE(int{type});
        CHECK(reaches(type, "2001:db8:1::1"));
        CHECK(reaches(type, "fe80::1"));
        CHECK(reaches(type, "ff02::1"));
        CHECK_FALSE(reaches(type, "2001:db8:2::1"));
        CHECK_FALSE(reaches(type, "2001:db8:3::1"));
        CHECK_FALSE(reaches(type, "ff05::1"));
    }
    CHECK(reaches(133, "ff02::2"));
    CHECK_FALSE(reaches(133, "2001:db8:1::1"));
}

TEST_CASE("a TCP endpoint may answer but not call", "[compile]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].endpoints[0] = {address("203.0.113.7"), proto::kTcp, 443};
    const Ruleset rules = rules_of(policy, StateName::locked);
    PacketView answer;
    answer.hook = Hook::input;
    answer.in_interface = "eth0";
    answer.source = address("203.0.113.7");
    answer.destination = address("192.168.1.2");
    answer.protocol = proto::kTcp;
    answer.source_port = 443;
    REQUIRE(accepted(rules, answer));

    answer.tcp_opening = true;
    CHECK_FALSE(accepted(rules, answer));
}

TEST_CASE("panic leaves loopback and nothing else", "[compile][fail-closed]") {
    const Ruleset rules = rules_of(wireguard_policy(), StateName::panic);
    REQUIRE(accepted(rules, web_by("lo")));

    CHECK_FALSE(accepted(rules, to_endpoint(0xca6c)));
    CHECK_FALSE(accepted(rules, web_by("wg0")));
}

TEST_CASE("forwarded packets are refused, each under its reason", "[compile][fail-closed]") {
    const Ruleset rules = rules_of(wireguard_policy(), StateName::protected_, {"wg0"});
    PacketView packet = web_by("eth0");
    packet.hook = Hook::forward;
    packet.in_interface = "br0";

    CHECK(evaluate(rules, packet).counter == "guest");
    packet.destination_port = 53;
    CHECK(evaluate(rules, packet).counter == "dns");
    CHECK(evaluate(rules, v6(packet)).counter == "ipv6");
}

TEST_CASE("every base chain of every state ends in a rule that takes everything",
          "[compile][fail-closed]") {
    const auto state = GENERATE(StateName::locked, StateName::protected_, StateName::panic);
    Ruleset rules = rules_of(wireguard_policy(), state);

    for (const Chain& chain : rules.chains) {
        if (chain.hook) {
            REQUIRE_FALSE(chain.rules.empty());
            CHECK(chain.rules.back().matches.empty());
            CHECK(chain.rules.back().verdict == Verdict::drop);
        }
    }
}

TEST_CASE("a tunnel packet meets one rule of each hook, and one more where UDP is remembered",
          "[compile][performance]") {
    Policy policy = wireguard_policy();
    const Evaluation first =
        evaluate(rules_of(policy, StateName::protected_, {"wg0"}), web_by("wg0"));
    CHECK(first.chain == "asked");
    CHECK(first.rule == 1);
    PacketView leaving = web_by("wg0");
    leaving.hook = Hook::postrouting;
    CHECK(evaluate(rules_of(policy, StateName::protected_, {"wg0"}), leaving).chain ==
          "postrouting");
    CHECK(evaluate(rules_of(policy, StateName::protected_, {"wg0"}), leaving).rule == 0);

    policy.tunnels[0].inbound.all = true;
    const Evaluation open =
        evaluate(rules_of(policy, StateName::protected_, {"wg0"}), web_by("wg0"));
    CHECK(open.chain == "output");
    CHECK(open.rule == 0);
}

TEST_CASE("without a config only loopback and DHCP pass", "[compile][fail-closed]") {
    const Ruleset rules = builtin_lock();
    REQUIRE(accepted(rules, web_by("lo")));

    CHECK_FALSE(accepted(rules, web_by("eth0")));
    CHECK_FALSE(accepted(rules, web_by("wg0")));
    CHECK_FALSE(accepted(rules, v6(web_by("eth0"))));
}
