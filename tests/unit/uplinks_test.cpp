// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/surroundings.hpp"
#include "policies.hpp"

#include <string>
#include <vector>

using namespace ks;
using namespace ks::test;

namespace {

using Names = std::vector<std::string>;

Link device(const char* name, const char* kind = "", int master = 0, int lower = 0) {
    Link link{name, kind, true, {}};
    link.master = master;
    link.lower = lower;
    return link;
}

/// "eth0" or "eth0 under br0 vlan1".
Names uplinks(const LinkTable& links) {
    Names names;
    for (const Uplink& uplink : surroundings(wireguard_policy(), links).uplinks) {
        names.push_back(uplink.name);
        for (const std::string& above : uplink.above) {
            names.back() += (above == uplink.above.front() ? " under " : " ") + above;
        }
    }
    return names;
}

}  // namespace

TEST_CASE("uplinks are sorted, and know everything that sends by them", "[uplinks]") {
    CHECK(uplinks({{2, device("eth9", "", 4)},
                   {3, device("eth1")},
                   {4, device("bond0", "bond")},
                   {5, device("vlan7", "vlan", 0, 4)},
                   {6, device("mv0", "macvlan", 0, 5)},
                   {7, device("a0", "vlan", 0, 4)}}) ==
          Names{"a0", "bond0 under a0 mv0 vlan7", "eth1", "eth9 under a0 bond0 mv0 vlan7", "mv0",
                "vlan7 under mv0"});
}

TEST_CASE("loopback is no uplink", "[uplinks]") {
    CHECK(uplinks({{1, device("lo")}, {2, device("eth0")}}) == Names{"eth0"});
}

TEST_CASE("what a device is on top of may be elsewhere, or itself", "[uplinks]") {
    CHECK(uplinks({{2, device("eth0", "", 77)}, {3, device("vlan1", "vlan", 0, 78)}}) ==
          Names{"eth0", "vlan1"});
    CHECK(uplinks({{2, device("vlan1", "vlan", 0, 2)}}) == Names{"vlan1"});
    CHECK(uplinks({{2, device("vlan1", "vlan", 0, 3)}, {3, device("vlan2", "vlan", 0, 2)}}) ==
          Names{"vlan1 under vlan2", "vlan2 under vlan1"});
}

TEST_CASE("by the port of a master that nobody knows leaves what is anybody's", "[uplinks]") {
    const std::string kind = GENERATE("bridge", "bond", "team", "vrf", "", "openvswitch");
    const bool known = kind != "openvswitch" && !kind.empty();
    const LinkTable links{{2, device("eth0", "", 3)}, {3, device("up0", kind.c_str())}};

    CHECK(uplinks(links) == Names{"eth0 under up0", "up0"});
    CHECK(surroundings(wireguard_policy(), links).uplinks.front().of_anybody != known);
    CHECK_FALSE(surroundings(wireguard_policy(), links).uplinks.back().of_anybody);
}

TEST_CASE("a tunnel takes nothing away from the device that it sends by", "[uplinks]") {
    LinkTable links{{2, device("eth0")},
                    {3, device("vlan1", "vlan", 0, 2)},
                    {4, device("wg0", "wireguard", 0, 2)}};
    CHECK(uplinks(links) == Names{"eth0 under vlan1", "vlan1"});
    links[4].name = "wg1";
    CHECK(uplinks(links) == Names{"eth0 under vlan1 wg1", "vlan1", "wg1"});
}

TEST_CASE("a guest takes nothing away from the device that it sends by", "[uplinks]") {
    Policy policy = wireguard_policy();
    policy.guests.automatic = false;
    policy.guests.interfaces = {"inner*"};
    LinkTable links{{2, device("eth0")}, {4, device("inner0", "macvlan", 0, 2)}};
    links[2].default_route = true;
    const auto of = [&](const LinkTable& table) { return surroundings(policy, table); };

    CHECK(of(links).uplinks == std::vector{Uplink{"eth0", 2, {"inner0"}}});
    CHECK(of(links).inside == std::vector{InsideDevice{"inner0", "macvlan"}});

    SECTION("a VLAN is told by its tag") {
        links[4].kind = "vlan";
        links[4].vlan = VlanTag{0x8100, 20};
        CHECK(of(links).uplinks ==
              std::vector{Uplink{"eth0", 2, {}, false, {{VlanTag{0x8100, 20}}}}});
        links[3] = device("eth0.5", "vlan", 0, 2);
        links[3].vlan = VlanTag{0x88a8, 5};
        links[4].lower = 3;
        const std::vector<VlanTag> both{{0x88a8, 5}, {0x8100, 20}};
        CHECK(of(links).uplinks == std::vector{Uplink{"eth0", 2, {"eth0.5"}, false, {both}},
                                               Uplink{"eth0.5", 3, {}, false, {{both[1]}}}});
    }
    SECTION("by two tags at most") {
        links[3] = device("a", "vlan", 0, 2);
        links[5] = device("b", "vlan", 0, 3);
        links[4].lower = 5;
        for (const int vlan : {3, 4, 5}) {
            links[vlan].vlan = VlanTag{0x8100, 7};
        }
        CHECK(of(links).uplinks.back().guest_vlans.empty());
        CHECK(of(links).uplinks.back().above == Names{"a", "b", "inner0"});
    }
}

TEST_CASE("the ports of a guest's bridge lead inside, unless they are more than that",
          "[uplinks]") {
    Policy policy = wireguard_policy();
    policy.guests.automatic = false;
    policy.guests.interfaces = {"br0"};
    LinkTable links{{2, device("eth0")}, {3, device("eth1", "", 4)}, {4, device("br0", "bridge")}};
    links[2].default_route = true;
    const auto found = [&] {
        Names names;
        for (const Uplink& uplink : surroundings(policy, links).uplinks) {
            names.push_back(uplink.name);
        }
        return names;
    };
    REQUIRE(found() == Names{"eth0"});
    CHECK(surroundings(policy, links).inside ==
          std::vector{InsideDevice{"br0", "bridge"}, InsideDevice{"eth1", ""}});

    SECTION("one with an address") {
        links[3].addresses = {{address("192.168.1.2"), 24}};
    }
    SECTION("one with a default route") {
        links[3].default_route = true;
    }
    SECTION("one with another device on top") {
        links[5] = device("eth1.7", "vlan", 0, 3);
        CHECK(found() == Names{"eth0", "eth1", "eth1.7"});
        return;
    }
    SECTION("one of a master that nobody knows") {
        links[4].kind = "openvswitch";
    }
    CHECK(found() == Names{"eth0", "eth1"});
}

TEST_CASE("a port leads inside only in a bridge with another way out, or with none", "[uplinks]") {
    LinkTable links{{4, device("br0", "bridge")}, {5, device("veth1", "veth", 4)}};
    CHECK(uplinks(links) == Names{"br0"});
    links[5].kind = "tun";
    CHECK(uplinks(links) == Names{"br0"});
    links[5].kind = "vxlan";
    CHECK(uplinks(links) == Names{"br0", "veth1 under br0"});
    links[5].kind = "veth";
    links[4].kind = "bond";
    CHECK(uplinks(links) == Names{"br0", "veth1 under br0"});
    links[4].kind = "bridge";
    links[4].default_route = true;
    CHECK(uplinks(links) == Names{"br0", "veth1 under br0"});
    links[6] = device("eth0", "", 4);
    CHECK(uplinks(links) == Names{"br0", "eth0 under br0"});
    links[5].default_route = true;
    CHECK(uplinks(links) == Names{"br0", "eth0 under br0", "veth1 under br0"});
}
