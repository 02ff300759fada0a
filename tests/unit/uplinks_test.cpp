// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/links.hpp"
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

TEST_CASE("the ports of a master that nobody knows have no rules of their own", "[uplinks]") {
    const std::string kind = GENERATE("bridge", "bond", "team", "vrf", "", "openvswitch");
    const bool known = kind != "openvswitch" && !kind.empty();
    const LinkTable links{{2, device("eth0", "", 3)}, {3, device("up0", kind.c_str())}};

    CHECK(uplinks(links) == (known ? Names{"eth0 under up0", "up0"} : Names{"up0"}));
}

TEST_CASE("a tunnel takes nothing away from the device that it sends by, a guest does",
          "[uplinks]") {
    LinkTable links{{2, device("eth0")},
                    {3, device("vlan1", "vlan", 0, 2)},
                    {4, device("wg0", "wireguard", 0, 2)}};
    CHECK(uplinks(links) == Names{"eth0 under vlan1", "vlan1"});
    links[4].name = "wg1";
    CHECK(uplinks(links) == Names{"eth0 under vlan1 wg1", "vlan1", "wg1"});

    // A guest's bridge, which a macvlan of it makes no less of a guest.
    links = {{2, device("eth0")}, {4, device("br0", "bridge")}, {5, device("veth1", "veth", 4)}};
    links[2].default_route = true;
    links[4].addresses = {{address("10.77.0.1"), 24}};
    CHECK(uplinks(links) == Names{"eth0"});
    links[6] = device("eth1", "", 0);
    links[4].lower = 6;
    CHECK(uplinks(links) == Names{"eth0"});
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
