// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/holes.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "policies.hpp"

#include <cstdint>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::test;

namespace {

using Holes = std::vector<std::string>;

Holes holes_of(const Policy& policy) {
    return holes(policy, known_endpoints(policy));
}

}  // namespace

TEST_CASE("a policy that opens nothing has no holes", "[holes]") {
    CHECK(holes_of(wireguard_policy()).empty());
}

TEST_CASE("an endpoint that any program may send to is a hole, and many are one", "[holes]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].only = {};
    CHECK(holes_of(policy) == Holes{"tunnel home: any program may send to 203.0.113.7:51820/udp"});
    for (std::uint16_t port = 1; port < 4; ++port) {
        policy.tunnels[0].endpoints.push_back(udp("203.0.113.8", port));
    }
    CHECK(holes_of(policy).size() == 4);
    policy.tunnels[0].endpoints.push_back(udp("203.0.113.8", 5));
    CHECK(holes_of(policy) == Holes{"tunnel home: any program may send to its 5 endpoints"});
}

TEST_CASE("a pattern trusts every interface of such a name", "[holes]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].interface = "wg*";
    CHECK(holes_of(policy) == Holes{"tunnel home: every interface named wg* is trusted"});
}

TEST_CASE("what the VPN's side may connect to is a hole", "[holes][inbound]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].inbound.ports = {{{51413, 51413}, proto::kTcp}};
    CHECK(holes_of(policy) ==
          Holes{"tunnel home: anyone in the VPN may connect to port 51413/tcp"});
    const OpenPorts more{{"home", {{{80, 81}, proto::kUdp}, {{51413, 51413}, proto::kTcp}}},
                         {"another", {{{1, 1}, proto::kTcp}}}};
    CHECK(holes(policy, {}, more) ==
          Holes{"tunnel home: anyone in the VPN may connect to port 80-81/udp, 51413/tcp"});
    for (std::uint16_t port = 1; port < 5; ++port) {
        policy.tunnels[0].inbound.ports.push_back({{port, port}, proto::kTcp});
    }
    CHECK(holes_of(policy) == Holes{"tunnel home: anyone in the VPN may connect to 5 ports"});
    policy.tunnels[0].inbound = {true, {}};
    CHECK(holes_of(policy) == Holes{"tunnel home: anyone in the VPN may connect to this host"});
}

TEST_CASE("the LAN is a hole as wide as it is allowed", "[holes]") {
    Policy policy = wireguard_policy();
    policy.lan.allow = true;
    CHECK(holes_of(policy) == Holes{"LAN: on-link private networks"});
    policy.lan.dns = true;
    CHECK(holes_of(policy) == Holes{"LAN: on-link private networks, its resolvers too"});
    policy.lan.dns = false;
    policy.lan.inbound = true;
    policy.lan.networks = Lan::Networks::private_;
    CHECK(holes_of(policy) == Holes{"LAN: all private networks, and may connect to this host"});
    policy.lan.networks = Lan::Networks::listed;
    policy.lan.list = {*Prefix::parse("10.0.0.0/8"), *Prefix::parse("192.0.2.1")};
    CHECK(holes_of(policy) == Holes{"LAN: 10.0.0.0/8, 192.0.2.1, and may connect to this host"});
}

TEST_CASE("an exception is named with all that it names", "[holes]") {
    Policy policy = wireguard_policy();
    AllowRule rule;
    policy.outbound = policy.inbound = {rule};
    CHECK(holes_of(policy) ==
          Holes{"exception: packets to anywhere", "exception: connections from anywhere"});

    rule.far = Prefix::parse("192.0.2.0/24");
    rule.ports = {{{443, 443}, proto::kTcp}, {{5000, 5001}, proto::kUdp}};
    rule.interface = "eth0";
    policy.inbound = {rule};
    rule.user = 1000;
    rule.group = 1001;
    rule.cgroup = "web.slice";
    policy.outbound = {rule};
    CHECK(holes_of(policy) ==
          Holes{"exception: packets of user 1000 of group 1001 of cgroup web.slice to 192.0.2.0/24 "
                "port 443/tcp, 5000-5001/udp by eth0",
                "exception: connections from 192.0.2.0/24 port 443/tcp, 5000-5001/udp by eth0"});
}

TEST_CASE("with scope apps all others are free", "[holes]") {
    Policy policy = wireguard_policy();
    policy.scope = Scope::apps;
    CHECK(holes_of(policy) == Holes{"scope apps: whoever is not listed is free"});
}
