// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "policies.hpp"

#include <cstdint>
#include <functional>
#include <utility>
#include <variant>
#include <vector>

using namespace ks;
using namespace ks::test;

namespace {

constexpr std::uint32_t kUser = 1000;
constexpr std::uint32_t kGroup = 1001;
constexpr std::uint64_t kCgroupId = 42;

using Edit = std::function<void(PacketView&)>;

Policy allowing_user(Ipv6 ipv6) {
    Policy policy = wireguard_policy();
    policy.ipv6 = ipv6;
    AllowRule rule;
    rule.user = kUser;
    policy.outbound = {rule};
    return policy;
}

/// To or from some ports of a network by one interface.
AllowRule some_ports() {
    AllowRule rule;
    rule.interface = "eth0";
    rule.far = Prefix::parse("192.0.2.0/24");
    rule.ports = {{{443, 443}, proto::kTcp}, {{5000, 5001}, proto::kUdp}};
    return rule;
}

Policy with_outbound(const AllowRule& rule) {
    Policy policy = wireguard_policy();
    policy.outbound = {rule};
    return policy;
}

Policy with_inbound(const AllowRule& rule) {
    Policy policy = wireguard_policy();
    policy.inbound = {rule};
    return policy;
}

Ruleset locked(const Policy& policy) {
    Situation situation = situation_of(policy, StateName::locked);
    situation.cgroups = {{"web.slice", kCgroupId}};
    return compile(policy, situation).value();
}

bool accepts(const Policy& policy, const PacketView& packet) {
    return accepted(locked(policy), packet);
}

PacketView of_user(const char* from, const char* to) {
    PacketView packet = web_by("eth0");
    packet.source = address(from);
    packet.destination = address(to);
    packet.uid = kUser;
    return packet;
}

/// Between port 40000 here and port 443 of the network.
PacketView outward(std::uint8_t protocol = proto::kTcp, std::uint16_t port = 443) {
    PacketView packet = of_user("192.168.1.2", "192.0.2.5");
    packet.gid = kGroup;
    packet.cgroups = {kCgroupId};
    packet.protocol = protocol;
    packet.tcp_opening = protocol == proto::kTcp;
    packet.destination_port = port;
    return packet;
}

PacketView answer_to(PacketView packet) {
    packet.hook = packet.hook == Hook::output ? Hook::input : Hook::output;
    std::swap(packet.source, packet.destination);
    std::swap(packet.source_port, packet.destination_port);
    std::swap(packet.in_interface, packet.out_interface);
    packet.uid.reset();
    packet.gid.reset();
    packet.cgroups.clear();
    packet.tcp_opening = false;
    packet.ct_established = true;
    packet.ct_reply = true;
    return packet;
}

/// A call from port 40000 of the network to a port here.
PacketView inward(std::uint8_t protocol = proto::kTcp, std::uint16_t port = 443) {
    PacketView packet = answer_to(outward(protocol, port));
    std::swap(packet.source_port, packet.destination_port);
    packet.tcp_opening = protocol == proto::kTcp;
    packet.ct_established = packet.ct_reply = false;
    return packet;
}

void check_none(const Policy& policy, const PacketView& packet, const std::vector<Edit>& edits) {
    REQUIRE(accepts(policy, packet));
    for (std::size_t i = 0; i < edits.size(); ++i) {
        PacketView edited = packet;
        edits[i](edited);
        INFO("edit " << i);
        CHECK_FALSE(accepts(policy, edited));
    }
}

}  // namespace

TEST_CASE("an outbound exception opens what it names and nothing beside it",
          "[compile][allow][fail-closed]") {
    AllowRule rule = some_ports();
    rule.user = kUser;
    rule.group = kGroup;
    rule.cgroup = "web.slice";

    check_none(with_outbound(rule), outward(),
               {[](PacketView& p) { p.out_interface = "eth1"; },
                [](PacketView& p) { p.destination = address("192.0.3.5"); },
                [](PacketView& p) { p.destination_port = 444; },
                [](PacketView& p) { p.protocol = proto::kUdp; }, [](PacketView& p) { p.uid = 0; },
                [](PacketView& p) { p.uid.reset(); }, [](PacketView& p) { p.gid = 0; },
                [](PacketView& p) { p.cgroups = {41}; }, [](PacketView& p) { p = v6(p); }});
    CHECK(accepts(with_outbound(rule), outward(proto::kUdp, 5000)));
    CHECK(accepts(with_outbound(rule), outward(proto::kUdp, 5001)));
    CHECK_FALSE(accepts(with_outbound(rule), outward(proto::kUdp, 5002)));
    CHECK_FALSE(accepts(with_outbound(rule), outward(proto::kTcp, 5000)));
}

TEST_CASE("to an outbound exception come answers, and only from there",
          "[compile][allow][fail-closed]") {
    check_none(with_outbound(some_ports()), answer_to(outward()),
               {[](PacketView& p) { p.ct_established = false; },
                [](PacketView& p) { p.in_interface = "eth1"; },
                [](PacketView& p) { p.source = address("192.0.3.5"); },
                [](PacketView& p) { p.source_port = 444; },
                [](PacketView& p) { p.protocol = proto::kUdp; },
                [](PacketView& p) { std::swap(p.source_port, p.destination_port); }});
}

TEST_CASE("an exception of a cgroup that does not exist opens nothing",
          "[compile][allow][fail-closed]") {
    AllowRule rule = some_ports();
    rule.cgroup = "web.slice";
    REQUIRE(accepts(with_outbound(rule), outward()));

    rule.cgroup = "gone.slice";
    CHECK_FALSE(accepts(with_outbound(rule), outward()));
    CHECK_FALSE(accepts(with_outbound(rule), answer_to(outward())));
}

TEST_CASE("an inbound exception lets in what it names and nothing beside it",
          "[compile][allow][fail-closed]") {
    check_none(with_inbound(some_ports()), inward(),
               {[](PacketView& p) { p.in_interface = "eth1"; },
                [](PacketView& p) { p.source = address("192.0.3.5"); },
                [](PacketView& p) { p.destination_port = 444; },
                [](PacketView& p) { p.protocol = proto::kUdp; },
                [](PacketView& p) { std::swap(p.source_port, p.destination_port); }});
    CHECK(accepts(with_inbound(some_ports()), inward(proto::kUdp, 5001)));
    CHECK_FALSE(accepts(with_inbound(some_ports()), outward()));
}

TEST_CASE("out of an inbound exception go answers alone", "[compile][allow][fail-closed]") {
    const std::vector<Edit> wrong{[](PacketView& p) { p.out_interface = "eth1"; },
                                  [](PacketView& p) { p.destination = address("192.0.3.5"); },
                                  [](PacketView& p) { p.source_port = 444; }};
    std::vector<Edit> tcp = wrong;
    tcp.emplace_back([](PacketView& p) { p.tcp_opening = true; });
    std::vector<Edit> udp = wrong;
    udp.emplace_back([](PacketView& p) { p.ct_reply = false; });

    check_none(with_inbound(some_ports()), answer_to(inward()), tcp);
    check_none(with_inbound(some_ports()), answer_to(inward(proto::kUdp, 5000)), udp);
    // Conntrack may have forgotten a connection that TCP still knows.
    PacketView late = answer_to(inward());
    late.ct_established = late.ct_reply = false;
    CHECK(accepts(with_inbound(some_ports()), late));

    AllowRule any_port = some_ports();
    any_port.ports.clear();
    CHECK(accepts(with_inbound(any_port), answer_to(inward(proto::kIcmp))));
    check_none(with_inbound(any_port), answer_to(inward()),
               {[](PacketView& p) { p.ct_reply = false; }, wrong[0], wrong[1]});
}

TEST_CASE("an exception that names ports may be a resolver, one for all ports is none",
          "[compile][allow][fail-closed]") {
    AllowRule rule;
    rule.far = Prefix::parse("192.0.2.0/24");
    const PacketView query = outward(proto::kUdp, 53);
    REQUIRE(accepts(with_outbound(rule), outward()));

    CHECK(evaluate(locked(with_outbound(rule)), query).counter == "dns");
    rule.ports = {{{53, 53}, proto::kUdp}};
    CHECK(accepts(with_outbound(rule), query));
}

TEST_CASE("an exception for all ports does not reach the endpoint, one that names them does",
          "[compile][allow][fail-closed]") {
    AllowRule rule;
    rule.far = Prefix::parse("203.0.113.0/24");
    PacketView packet = outward();
    packet.destination = address("203.0.113.7");

    CHECK(evaluate(locked(with_outbound(rule)), packet).counter == "endpoint-guard");
    rule.ports = {{{443, 443}, proto::kTcp}};
    CHECK(accepts(with_outbound(rule), packet));
}

TEST_CASE("an exception for every address is one for its family, and no match of length 0",
          "[compile][allow]") {
    AllowRule rule;
    rule.far = Prefix::parse(GENERATE("0.0.0.0/0", "::/0"));
    const bool v4 = rule.far->address.family == IpFamily::v4;
    const Policy policy = with_outbound(rule);

    CHECK(accepts(policy, outward()) == v4);
    CHECK(accepts(policy, v6(outward())) != v4);
    for (const Chain& chain : locked(policy).chains) {
        for (const Rule& one : chain.rules) {
            for (const Match& match : one.matches) {
                const auto* const to = std::get_if<match::Destination>(&match);
                const auto* const from = std::get_if<match::Source>(&match);
                CHECK_FALSE((to != nullptr && to->prefix.length == 0));
                CHECK_FALSE((from != nullptr && from->prefix.length == 0));
            }
        }
    }
    rule.far = Prefix::parse("128.0.0.0/1");
    CHECK(accepts(with_outbound(rule), outward()));
    PacketView other_half = outward();
    other_half.destination = address("127.0.0.1");
    CHECK_FALSE(accepts(with_outbound(rule), other_half));
}

TEST_CASE("an exception without an address opens no IPv6 where that is blocked",
          "[compile][allow][fail-closed]") {
    const PacketView v4 = of_user("192.168.1.2", "198.51.100.9");
    const PacketView v6 = of_user("2001:db8::2", "2001:db8:9::9");
    REQUIRE(accepts(allowing_user(Ipv6::tunnel), v6));
    REQUIRE(accepts(allowing_user(Ipv6::block), v4));

    CHECK_FALSE(accepts(allowing_user(Ipv6::block), v6));
}
