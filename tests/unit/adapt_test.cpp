// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "drills/adapt.hpp"
#include "policies.hpp"

#include <string>
#include <vector>

using namespace ks;

TEST_CASE("tunnels by IPsec policy are played by tun devices", "[drills]") {
    Policy policy = test::ipsec_policy();
    policy.tunnels.push_back(policy.tunnels.front());
    policy.tunnels.back().name = "branch";

    const drills::Adapted played = drills::adapt(policy);

    CHECK_FALSE(played.policy.tunnels[0].ipsec);
    CHECK_FALSE(played.policy.tunnels[0].interface.empty());
    CHECK(played.policy.tunnels[0].interface != played.policy.tunnels[1].interface);
    CHECK(played.notes == std::vector<std::string>{"office: a tun device plays the IPsec policy",
                                                   "branch: a tun device plays the IPsec policy"});
}

TEST_CASE("a server whose address is not known yet is played at another one", "[drills]") {
    Policy policy = test::wireguard_policy();
    policy.tunnels.front().endpoints.clear();
    policy.tunnels.front().names = {{"vpn.example.net", proto::kUdp, 51820}};
    policy.bootstrap = {{*IpAddress::parse("9.9.9.9")}, 991, true};

    const drills::Adapted played = drills::adapt(policy);

    const Tunnel& tunnel = played.policy.tunnels.front();
    REQUIRE(tunnel.endpoints.size() == 1);
    CHECK(tunnel.endpoints.front().str() == "203.0.113.20:51820/udp");
    CHECK(tunnel.names.empty());
    CHECK(played.policy.bootstrap == Bootstrap{});
    CHECK(played.notes.size() == 1);
}

TEST_CASE("a cgroup is played by a user of its own, wherever it is named", "[drills]") {
    Policy policy = test::wireguard_policy();
    policy.tunnels.front().only = {};
    policy.tunnels.front().only.cgroup = "system.slice/vpn.service";
    AllowRule exception;
    exception.cgroup = "system.slice/backup.service";
    policy.outbound = {exception};
    policy.scope = Scope::apps;
    policy.apps.cgroups = {"system.slice/backup.service"};

    const drills::Adapted played = drills::adapt(policy);

    const auto vpn = played.policy.tunnels.front().only.user;
    const auto backup = played.policy.outbound.front().user;
    REQUIRE(vpn);
    REQUIRE(backup);
    CHECK(vpn != backup);
    CHECK(played.policy.apps.users == std::vector{*backup});
    CHECK_FALSE(played.policy.tunnels.front().only.cgroup);
    CHECK_FALSE(played.policy.outbound.front().cgroup);
    CHECK(played.policy.apps.cgroups.empty());
    CHECK(played.notes.size() == 2);
}

TEST_CASE("nothing that opens is left out, and it keeps the words of the config", "[drills]") {
    Policy policy = test::wireguard_policy();
    policy.boot = BootLock::open;
    policy.lan.allow = true;
    AllowRule exception;
    exception.interface = "eth9";
    policy.outbound = {exception};
    policy.inbound = {exception};
    policy.scope = Scope::apps;
    policy.apps.users = {34};

    const drills::Adapted played = drills::adapt(policy);

    CHECK(played.policy.boot == BootLock::open);
    CHECK(played.policy.scope == Scope::apps);
    CHECK(played.policy.outbound.front().interface == drills::kUplink);
    CHECK(played.policy.inbound.front().interface == drills::kUplink);
    REQUIRE(played.allowances.size() == 4);
    CHECK(played.allowances[1].text == "exception: packets to anywhere by eth9");
    CHECK(played.allowances[1].key == "allow.outbound[0]");
}

TEST_CASE("a server that only `auto` would find is played by one of the lab", "[drills]") {
    Policy policy = test::wireguard_policy();
    policy.tunnels.front().automatic = true;
    policy.tunnels.front().endpoints.clear();

    const drills::Adapted played = drills::adapt(policy);

    CHECK_FALSE(played.policy.tunnels.front().automatic);
    CHECK(played.policy.tunnels.front().endpoints == std::vector{test::udp("203.0.113.20", 51820)});
    CHECK(played.notes.size() == 1);
}

TEST_CASE("a tunnel in a tunnel is played alone", "[drills]") {
    Policy policy = test::wireguard_policy();
    policy.tunnels.push_back(policy.tunnels.front());
    policy.tunnels.front().name = "outer";
    policy.tunnels.back().interface = "tun0";
    policy.tunnels.back().via = "outer";

    const drills::Adapted played = drills::adapt(policy);

    REQUIRE(played.policy.tunnels.size() == 1);
    CHECK(played.policy.tunnels[0].interface == "tun0");
    CHECK(played.policy.tunnels[0].via.empty());
    CHECK(played.notes == std::vector<std::string>{"home: played without the tunnel around it"});
}
