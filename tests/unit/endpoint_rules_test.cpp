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
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;

namespace {

constexpr std::uint16_t kPort = 1194;

/// A tunnel with `count` servers of each family, which listen on kPort of one protocol.
Policy policy_with(std::size_t count, std::uint8_t protocol) {
    Policy policy = wireguard_policy();
    policy.tunnels[0].endpoints.clear();
    for (std::size_t i = 1; i <= count; ++i) {
        policy.tunnels[0].endpoints.push_back(
            {address(fmt::format("203.0.113.{}", i)), protocol, kPort});
        policy.tunnels[0].endpoints.push_back(
            {address(fmt::format("2001:db8::{}", i)), protocol, kPort});
    }
    return policy;
}

Ruleset locked(const Policy& policy) {
    return compile(policy, situation_of(policy, StateName::locked)).value();
}

PacketView to_server(std::uint8_t protocol, const char* server) {
    PacketView packet = web_by("eth0");
    packet.destination = address(server);
    if (packet.destination.family == IpFamily::v6) {
        packet.source = address("2001:db8:77::2");
    }
    packet.protocol = protocol;
    packet.destination_port = kPort;
    packet.tcp_opening = protocol == proto::kTcp;
    packet.mark = 0xca6c;
    return packet;
}

PacketView from_server(std::uint8_t protocol, const char* server) {
    PacketView packet = to_server(protocol, server);
    packet.hook = Hook::input;
    packet.mark = 0;
    packet.tcp_opening = false;
    std::swap(packet.source, packet.destination);
    std::swap(packet.source_port, packet.destination_port);
    std::swap(packet.in_interface, packet.out_interface);
    return packet;
}

}  // namespace

TEST_CASE("endpoints are as strict in a set as in rules", "[endpoints][fail-closed]") {
    const std::size_t count = GENERATE(1U, 5U, 6U, 20U);
    const std::uint8_t protocol = GENERATE(proto::kUdp, proto::kTcp);
    const std::uint8_t other = protocol == proto::kUdp ? proto::kTcp : proto::kUdp;
    const char* const server = GENERATE("203.0.113.1", "2001:db8::1");
    const bool v4 = address(server).family == IpFamily::v4;
    const char* const stranger = v4 ? "203.0.113.99" : "2001:db8::99";
    const Policy policy = policy_with(count, protocol);
    const Ruleset rules = locked(policy);
    INFO(count << " endpoints, protocol " << int(protocol) << ", server " << server);
    REQUIRE(accepted(rules, to_server(protocol, server)));
    REQUIRE(accepted(rules, from_server(protocol, server)));

    SECTION("every sender needs the mark") {
        PacketView packet = to_server(protocol, server);
        packet.mark = 0;
        CHECK_FALSE(accepted(rules, packet));
        CHECK(evaluate(rules, packet).counter == "endpoint-guard");
    }
    SECTION("another protocol is refused") {
        CHECK_FALSE(accepted(rules, to_server(other, server)));
        CHECK_FALSE(accepted(rules, from_server(other, server)));
    }
    SECTION("a server answers and never calls") {
        PacketView packet = from_server(protocol, server);
        packet.tcp_opening = true;
        CHECK(accepted(rules, packet) == (protocol == proto::kUdp));
    }
    SECTION("nobody else answers") {
        CHECK_FALSE(accepted(rules, to_server(protocol, stranger)));
        CHECK_FALSE(accepted(rules, from_server(protocol, stranger)));
    }
    SECTION("no other port answers") {
        PacketView packet = from_server(protocol, server);
        packet.source_port = kPort + 1;
        CHECK_FALSE(accepted(rules, packet));
        packet = to_server(protocol, server);
        packet.destination_port = kPort + 1;
        CHECK_FALSE(accepted(rules, packet));
    }
    SECTION("a server's port is no port of ours") {
        PacketView packet = from_server(protocol, server);
        std::swap(packet.source_port, packet.destination_port);
        CHECK_FALSE(accepted(rules, packet));
    }
}

TEST_CASE("a server of a set answers by its own protocol, whatever that of the others",
          "[endpoints]") {
    Policy policy = policy_with(6, proto::kUdp);
    policy.tunnels[0].endpoints.push_back({address("203.0.113.7"), proto::kTcp, kPort});
    const Ruleset rules = locked(policy);

    CHECK(accepted(rules, from_server(proto::kTcp, "203.0.113.7")));
    CHECK(accepted(rules, from_server(proto::kUdp, "203.0.113.1")));
    CHECK_FALSE(accepted(rules, from_server(proto::kTcp, "203.0.113.1")));
}

TEST_CASE("from six endpoints on they are sets, named by family and tunnel", "[endpoints]") {
    const auto names = [](const Policy& policy) {
        std::vector<std::string> all;
        const Ruleset rules = locked(policy);
        for (const Set& set : rules.sets) {
            all.push_back(set.name);
        }
        std::ranges::sort(all);
        return all;
    };
    CHECK(names(policy_with(5, proto::kUdp)).empty());
    Policy policy = policy_with(6, proto::kUdp);
    policy.tunnels.push_back(policy.tunnels[0]);
    policy.tunnels[1].name = "office";
    CHECK(names(policy) == std::vector<std::string>{"endpoints4_1", "endpoints4_2", "endpoints6_1",
                                                    "endpoints6_2", "guarded4", "guarded6"});
    policy.tunnels.pop_back();
    std::erase_if(policy.tunnels[0].endpoints,
                  [](const Endpoint& one) { return one.address.family == IpFamily::v6; });
    CHECK(names(policy) == std::vector<std::string>{"endpoints4_1", "guarded4"});
}

TEST_CASE("every part of `only` narrows a set", "[endpoints][fail-closed]") {
    const std::size_t count = GENERATE(1U, 6U);
    Policy policy = policy_with(count, proto::kUdp);
    policy.tunnels[0].only = {MarkMatch{0xca6c}, 1000, 1001, "vpn.slice"};
    Situation situation = situation_of(policy, StateName::locked);
    situation.cgroups = {{"vpn.slice", 42}};
    const Ruleset rules = compile(policy, situation).value();
    PacketView packet = to_server(proto::kUdp, "203.0.113.1");
    packet.uid = 1000;
    packet.gid = 1001;
    packet.cgroups = {42};
    REQUIRE(accepted(rules, packet));

    SECTION("mark") {
        packet.mark = 1;
    }
    SECTION("user") {
        packet.uid = 0;
    }
    SECTION("group") {
        packet.gid = 0;
    }
    SECTION("cgroup") {
        packet.cgroups = {43};
    }
    SECTION("no socket") {
        packet.uid.reset();
        packet.gid.reset();
    }
    CHECK_FALSE(accepted(rules, packet));
}

TEST_CASE("servers of one tunnel are not those of another's sender", "[endpoints][fail-closed]") {
    Policy policy = policy_with(6, proto::kUdp);
    Tunnel second = policy_with(6, proto::kTcp).tunnels[0];
    second.name = "office";
    second.interface = "tun0";
    second.only.fwmark = MarkMatch{0x2};
    policy.tunnels.push_back(second);
    const Ruleset rules = locked(policy);
    PacketView packet = to_server(proto::kTcp, "203.0.113.1");
    REQUIRE_FALSE(accepted(rules, packet));
    packet.mark = 0x2;

    CHECK(accepted(rules, packet));
    packet.protocol = proto::kUdp;
    CHECK_FALSE(accepted(rules, packet));
}

TEST_CASE("errors about endpoints are heard, about others only where endpoints are many",
          "[endpoints]") {
    struct Row {
        std::size_t count;
        bool any;
    };
    const auto row = GENERATE(values<Row>({{1, false}, {64, false}, {65, true}}));
    const Ruleset rules = locked(policy_with(row.count, proto::kUdp));
    PacketView error = from_server(proto::kIcmp, "198.51.100.1");
    error.icmp_type = 3;
    error.icmp_code = 4;
    error.inner_destination = address("203.0.113.1");
    CHECK(accepted(rules, error));
    error.inner_destination = address("198.51.100.9");
    CHECK(accepted(rules, error) == row.any);
    error.inner_destination = address("203.0.113.1");
    error.icmp_code = 3;
    CHECK_FALSE(accepted(rules, error));
    error.icmp_code = 4;
    error.icmp_type = 5;
    CHECK_FALSE(accepted(rules, error));

    PacketView too_big = from_server(proto::kIcmpv6, "2001:db8:5::1");
    too_big.icmp_type = 2;
    too_big.inner_destination = address("2001:db8::1");
    CHECK(accepted(rules, too_big));
    too_big.icmp_type = 1;
    CHECK_FALSE(accepted(rules, too_big));
}
