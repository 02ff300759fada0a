// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/surroundings.hpp"
#include "killswitchd/tunnels.hpp"
#include "policies.hpp"

#include <cstdint>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::test;

namespace {

constexpr int kUplink = 2;
constexpr int kGuest = 5;
constexpr int kPort = 6;

Link link(const std::string& name, const std::string& kind, const char* own, std::uint8_t length) {
    Link made{name, kind, true, {}};
    made.addresses = {{address(own), length}};
    return made;
}

/// A host with one card, and a bridge with one container.
LinkTable host_with_bridge() {
    LinkTable links{{1, {"lo", "", true, {}}}};
    links[kUplink] = link("eth0", "", "192.168.1.2", 24);
    links[kUplink].default_route = true;
    links[kGuest] = link("br0", "bridge", "10.77.0.1", 24);
    links[kPort] = {"veth1", "veth", true, {}};
    links[kPort].master = kGuest;
    return links;
}

std::vector<std::string> guests(const Policy& policy, const LinkTable& links) {
    std::vector<std::string> names;
    for (const LinkNetwork& guest : surroundings(policy, links).guests) {
        names.push_back(guest.interface + " " + guest.network.str());
    }
    return names;
}

std::vector<std::string> lan(const Policy& policy, const LinkTable& links) {
    std::vector<std::string> names;
    for (const LinkNetwork& local : surroundings(policy, links).lan) {
        names.push_back(local.interface + " " + local.network.str());
    }
    return names;
}

const std::vector<std::string> kNone;
const std::vector<std::string> kBridge{"br0 10.77.0.0/24"};

}  // namespace

TEST_CASE("a way to the VPN's server is a way out, where the VPN took the default route",
          "[surroundings][guests]") {
    const Policy policy = wireguard_policy();
    const KnownEndpoints endpoints = known_endpoints(policy);
    LinkTable links = host_with_bridge();
    links[kUplink].default_route = false;
    links[7] = {"wg0", "wireguard", true, {}};
    links[7].default_route = true;
    const auto found = [&] {
        std::vector<std::string> names;
        for (const LinkNetwork& guest : surroundings(policy, links, endpoints).guests) {
            names.push_back(guest.interface + " " + guest.network.str());
        }
        return names;
    };
    REQUIRE(found() == kNone);

    SECTION("by a route to it") {
        links[kUplink].routes = {{*Prefix::parse("198.51.100.1/32")},
                                 {*Prefix::parse("203.0.113.7/32")}};
        CHECK(found() == kBridge);
    }
    SECTION("by a route to somebody else") {
        links[kUplink].routes = {{*Prefix::parse("203.0.113.8/32")},
                                 {*Prefix::parse("203.0.113.0/24")}};
        CHECK(found() == kNone);
    }
    SECTION("it is on the link") {
        links[kUplink].addresses = {{address("203.0.113.200"), 24}};
        CHECK(found() == kBridge);
        links[kUplink].addresses = {{address("203.0.113.200"), 25}};
        CHECK(found() == kNone);
    }
    SECTION("in a container, where the way out is a veth too") {
        links[kUplink].routes = {{*Prefix::parse("203.0.113.7/32")}};
        links[kUplink].kind = "veth";
        links[8] = link("veth8", "veth", "10.78.0.1", 24);
        CHECK(found() == kBridge);
        links[kUplink].kind = "";
        CHECK(found() == std::vector<std::string>{"br0 10.77.0.0/24", "veth8 10.78.0.0/24"});
    }
    SECTION("that is a guest's own") {
        links[kGuest].addresses = {{address("203.0.113.200"), 24}};
        CHECK(found() == kNone);
    }
}

TEST_CASE("a bridge is a guest only while nothing speaks against it", "[surroundings]") {
    const Policy policy = wireguard_policy();
    LinkTable links = host_with_bridge();
    REQUIRE(guests(policy, links) == kBridge);

    SECTION("it holds a default route") {
        links[kGuest].default_route = true;
        CHECK(guests(policy, links) == kNone);
    }
    SECTION("its port is hardware") {
        links[kPort].kind = "";
        CHECK(guests(policy, links) == kNone);
    }
    SECTION("its port holds a default route") {
        links[kPort].default_route = true;
        CHECK(guests(policy, links) == kNone);
    }
    SECTION("a second port is hardware") {
        links[7] = {"eth1", "", true, {}};
        links[7].master = kGuest;
        CHECK(guests(policy, links) == kNone);
    }
    SECTION("it has no port") {
        links.erase(kPort);
        CHECK(guests(policy, links) == kNone);
    }
    SECTION("no other interface leads to the internet") {
        links[kUplink].default_route = false;
        CHECK(guests(policy, links) == kNone);
    }
    SECTION("only a tunnel leads to the internet") {
        links[kUplink].default_route = false;
        links[9] = link("wg0", "wireguard", "10.99.0.2", 24);
        links[9].default_route = true;
        CHECK(guests(policy, links) == kNone);
    }
}

TEST_CASE("an interface whose name no rule can carry has no rights",
          "[surroundings][fail-closed]") {
    const std::string name = GENERATE(as<std::string>(), "e*", "*", "a*b", "e\"", "\"", "a\x01",
                                      "\x7f", "a\x1b[2J", "\xff", "\xc2\x9b");
    CAPTURE(name);
    Policy policy = wireguard_policy();
    policy.lan.allow = true;
    policy.ipv6 = Ipv6::tunnel;
    policy.tunnels[0].interface = name + "*";
    LinkTable links = host_with_bridge();
    links[kGuest].name = "x" + name;
    links[8] = link("y" + name, "dummy", "192.168.9.1", 24);
    links[8].addresses.push_back({address("fd00::1"), 64});
    links[8].routers6 = {address("2001:db8::1")};
    links[9] = link(name, "wireguard", "10.99.0.2", 24);

    const Surroundings around = surroundings(policy, links);

    CHECK(around.guests.empty());
    CHECK(lan(policy, links) == std::vector<std::string>{"eth0 192.168.1.0/24"});
    CHECK(around.neighbours.empty());
    CHECK(live_tunnels(policy, links).empty());
    CHECK(refused_tunnels(policy, links) ==
          std::vector<std::string>{"interface 9 has a name that no rule can carry"});
}

TEST_CASE("a veth is a guest where no veth is an uplink", "[surroundings]") {
    const Policy policy = wireguard_policy();
    LinkTable links = host_with_bridge();
    links.erase(kPort);
    links[kGuest] = link("ve-box", "veth", "10.78.0.1", 28);
    REQUIRE(guests(policy, links) == std::vector<std::string>{"ve-box 10.78.0.0/28"});

    links[kUplink].kind = "veth";

    CHECK(guests(policy, links) == kNone);
}

TEST_CASE("a named guest is none while it is the way to the internet", "[surroundings]") {
    Policy policy = wireguard_policy();
    policy.guests.automatic = false;
    policy.guests.interfaces = {"br*"};
    LinkTable links = host_with_bridge();
    REQUIRE(guests(policy, links) == kBridge);

    links[kGuest].default_route = true;

    CHECK(guests(policy, links) == kNone);
}

TEST_CASE("what is public on the link is not local", "[surroundings]") {
    Policy policy = wireguard_policy();
    policy.lan.allow = true;
    LinkTable links = host_with_bridge();
    links[kUplink].addresses = {{address("192.168.1.2"), 24}, {address("198.51.100.7"), 24},
                                {address("10.0.0.7"), 0},     {address("192.168.1.9"), 12},
                                {address("fd00::7"), 64},     {address("2001:db8::7"), 64}};

    CHECK(lan(policy, links) == std::vector<std::string>{"eth0 192.168.1.0/24"});
    policy.ipv6 = Ipv6::tunnel;
    CHECK(lan(policy, links) == std::vector<std::string>{"eth0 192.168.1.0/24", "eth0 fd00::/64"});
    policy.lan.interfaces = {"wl*"};
    CHECK(lan(policy, links) == kNone);
}

TEST_CASE("private space ends where it ends", "[surroundings][fail-closed]") {
    Policy policy = wireguard_policy();
    policy.lan.allow = true;
    policy.ipv6 = Ipv6::tunnel;
    struct Row {
        const char* own;
        std::uint8_t length;
        bool local;
    };
    const auto row = GENERATE(values<Row>({
        {"10.0.0.7", 16, true},     {"10.255.0.7", 16, true},   {"11.0.0.7", 24, false},
        {"9.255.255.7", 24, false}, {"172.16.0.7", 16, true},   {"10.0.0.7", 15, false},
        {"172.15.0.7", 24, false},  {"172.31.0.7", 24, true},   {"172.32.0.7", 24, false},
        {"192.168.0.7", 16, true},  {"192.168.0.7", 15, false}, {"192.169.0.7", 24, false},
        {"169.254.0.7", 16, true},  {"169.254.0.7", 15, false}, {"169.253.0.7", 24, false},
        {"100.64.0.7", 24, false},  {"fc00::7", 48, true},      {"fc00::7", 47, false},
        {"fdff::7", 48, true},      {"fbff::7", 48, false},     {"fe80::7", 10, true},
        {"fe80::7", 9, false},      {"fec0::7", 64, false},     {"2001:db8::7", 64, false},
    }));
    LinkTable links = host_with_bridge();
    links[kUplink].addresses = {{address(row.own), row.length}};
    INFO(row.own << "/" << int(row.length));

    CHECK(lan(policy, links).empty() != row.local);
}

TEST_CASE("a network that holds what is beyond the tunnel is not local",
          "[surroundings][fail-closed]") {
    Policy policy = wireguard_policy();
    policy.lan.allow = true;
    policy.tunnels[0].endpoints = {udp("192.168.1.9", 51820)};
    LinkTable links = host_with_bridge();
    links[kUplink].addresses = {{address("192.168.1.2"), 24}};
    const auto refused = [&] {
        return surroundings(policy, links, known_endpoints(policy)).lan_refused;
    };
    CHECK(refused() ==
          std::vector<std::string>{
              "192.168.1.0/24 on eth0 holds 192.168.1.9, which belongs to the tunnel"});
    CHECK(surroundings(policy, links, known_endpoints(policy)).lan.empty());

    policy.tunnels[0].endpoints = {udp("192.168.2.9", 51820)};
    CHECK(refused().empty());
    policy.dns_servers = {address("192.168.1.53")};
    CHECK(refused().size() == 1);
    policy.dns_servers.reset();
    links[7] = link("wg0", "wireguard", "192.168.1.77", 32);
    CHECK(refused().size() == 1);
    policy.lan.networks = Lan::Networks::listed;  // Somebody has said so.
    policy.lan.list = {*Prefix::parse("192.168.1.0/24")};
    CHECK(lan(policy, links) == std::vector<std::string>{"eth0 192.168.1.0/24"});

    policy.lan.networks = Lan::Networks::on_link;
    links[kUplink].addresses = {{address("10.1.2.3"), 8}};
    CHECK(refused() == std::vector<std::string>{"10.0.0.0/8 on eth0 is wider than /16: list it "
                                                "under lan.networks if it is yours"});
}

TEST_CASE("listed and private networks are those of every uplink", "[surroundings]") {
    Policy policy = wireguard_policy();
    policy.lan.networks = Lan::Networks::listed;
    policy.lan.list = {*Prefix::parse("192.0.2.0/24")};
    const LinkTable links = host_with_bridge();
    REQUIRE(lan(policy, links) == kNone);
    policy.lan.allow = true;
    CHECK(lan(policy, links) == std::vector<std::string>{"eth0 192.0.2.0/24"});

    policy.lan.networks = Lan::Networks::private_;
    CHECK(lan(policy, links) == std::vector<std::string>{"eth0 10.0.0.0/8", "eth0 169.254.0.0/16",
                                                         "eth0 172.16.0.0/12",
                                                         "eth0 192.168.0.0/16"});
    policy.ipv6 = Ipv6::tunnel;
    CHECK(lan(policy, links).size() == 6);
}

TEST_CASE("a tunnel that is not ours is no LAN", "[surroundings][fail-closed]") {
    Policy policy = wireguard_policy();
    policy.lan.allow = true;
    LinkTable links = host_with_bridge();
    links[9] = link("eth9", "", "10.55.0.2", 24);
    REQUIRE(lan(policy, links).size() == 2);
    const std::string kind =
        GENERATE("tun", "wireguard", "ovpn", "amneziawg", "xfrm", "vti", "vti6", "ipip", "sit",
                 "gre", "ip6tnl", "ppp", "ip6gre", "ovpn-dco");
    links[9].kind = kind;
    links[9].addresses.push_back({address("2001:db8:5::2"), 64});

    CHECK(lan(policy, links) == std::vector<std::string>{"eth0 192.168.1.0/24"});
    CHECK(surroundings(policy, links).neighbours.empty());
}

TEST_CASE("guests and the LAN are those of a group", "[surroundings][groups]") {
    Policy policy = wireguard_policy();
    LinkTable links = host_with_bridge();
    policy.guests.automatic = false;
    policy.guests.interfaces = {"group:11"};
    policy.lan.allow = true;
    policy.lan.interfaces = {"group:9"};
    CHECK(guests(policy, links) == kNone);
    CHECK(lan(policy, links) == kNone);

    links[kGuest].group = 11;
    links[kUplink].group = 9;
    CHECK(guests(policy, links) == kBridge);
    CHECK(lan(policy, links) == std::vector<std::string>{"eth0 192.168.1.0/24"});
}

TEST_CASE("a port is no LAN, its bridge is", "[surroundings]") {
    Policy policy = wireguard_policy();
    policy.lan.allow = true;
    LinkTable links = host_with_bridge();
    links[9] = link("eth9", "", "10.55.0.2", 24);
    links[9].master = kUplink;

    CHECK(lan(policy, links) == std::vector<std::string>{"eth0 192.168.1.0/24"});
}

TEST_CASE("neighbours are the IPv6 networks of uplinks, and routers elsewhere", "[surroundings]") {
    LinkTable links = host_with_bridge();
    links[kUplink].addresses = {{address("192.168.1.2"), 24},
                                {address("2001:db8::7"), 64},
                                {address("2001:db8::8"), 64},
                                {address("2001:db8:9::7"), 128},
                                {address("fe80::7"), 64}};
    links[kUplink].routers6 = {address("2001:db8::1"), address("2001:db8:f::1"),
                               address("fe80::1")};
    links[kGuest].addresses.push_back({address("2001:db8:aa::1"), 64});
    links[9] = link("wg0", "wireguard", "2001:db8:bb::1", 64);
    links[10] = link("tun7", "tun", "2001:db8:cc::1", 64);

    CHECK(surroundings(wireguard_policy(), links).neighbours ==
          std::vector<LinkNetwork>{{"eth0", *Prefix::parse("2001:db8::/64")},
                                   {"eth0", *Prefix::parse("2001:db8:f::1")}});
}

TEST_CASE("the tunnel's addresses are known, but for link-local ones", "[surroundings]") {
    LinkTable links = host_with_bridge();
    links[9] = link("wg0", "wireguard", "10.99.0.2", 24);
    links[9].addresses.push_back({address("fe80::1"), 64});
    links[9].addresses.push_back({address("fd99::2"), 64});

    const Surroundings around = surroundings(wireguard_policy(), links);

    CHECK(around.tunnel_addresses ==
          std::vector<IpAddress>{address("10.99.0.2"), address("fd99::2")});
}

TEST_CASE("one pattern of many names an interface", "[surroundings]") {
    Policy policy = wireguard_policy();
    policy.guests.automatic = false;
    policy.guests.interfaces = {"virbr*", "br0"};
    policy.lan.allow = true;
    policy.lan.interfaces = {"wl*", "eth0"};

    CHECK(guests(policy, host_with_bridge()) == kBridge);
    CHECK(lan(policy, host_with_bridge()) == std::vector<std::string>{"eth0 192.168.1.0/24"});
}

TEST_CASE("a guest has an address, and is no port", "[surroundings]") {
    const Policy policy = wireguard_policy();
    LinkTable links = host_with_bridge();
    links[kPort].addresses = {{address("10.79.0.1"), 24}};
    CHECK(guests(policy, links) == kBridge);
    links[kPort].master = 0;
    links[kGuest].addresses.clear();
    CHECK(guests(policy, links) == std::vector<std::string>{"veth1 10.79.0.0/24"});
}

TEST_CASE("a bridge with ports of every kind is a guest while all lead inside", "[surroundings]") {
    const Policy policy = wireguard_policy();
    LinkTable links = host_with_bridge();
    links[7] = {"tap0", "tun", true, {}};
    links[7].master = kGuest;
    CHECK(guests(policy, links) == kBridge);
    links[8] = {"vxlan0", "vxlan", true, {}};
    links[8].master = kGuest;
    CHECK(guests(policy, links) == kNone);
    links[8].master = 0;
    links[kGuest].kind = "bond";
    CHECK(guests(policy, links) == kNone);
}

TEST_CASE("a guest that is sure has an address that it did not give itself", "[surroundings]") {
    const Policy policy = wireguard_policy();
    LinkTable links = host_with_bridge();
    const auto sure = [&](std::vector<Prefix> addresses) {
        links[kGuest].addresses = std::move(addresses);
        const auto& uplinks = surroundings(policy, links).uplinks;
        return uplinks.size() == 1;
    };
    const Prefix given4{address("169.254.7.7"), 16};
    const Prefix given6{address("fe80::1"), 64};
    CHECK_FALSE(sure({given4}));
    CHECK_FALSE(sure({given4, given6}));
    CHECK(sure({{address("10.77.0.1"), 24}}));
    CHECK(sure({{address("10.77.0.1"), 24}, given6}));
    CHECK(sure({{address("169.255.0.1"), 16}}));
    CHECK(sure({{address("169.253.0.1"), 16}}));
}

TEST_CASE("what a tunnel or loopback is on is neither LAN nor guest nor neighbour",
          "[surroundings]") {
    Policy policy = wireguard_policy();
    policy.lan.allow = true;
    policy.ipv6 = Ipv6::tunnel;
    policy.guests.automatic = false;
    policy.guests.interfaces = {"wg*", "lo"};
    LinkTable links;
    links[1] = link("lo", "", "10.1.0.1", 24);
    links[1].addresses.push_back({address("2001:db8::1"), 64});
    links[9] = link("wg0", "wireguard", "10.99.0.2", 24);
    links[9].addresses.push_back({address("2001:db8:1::1"), 64});

    const Surroundings around = surroundings(policy, links);

    CHECK(around.lan.empty());
    CHECK(around.guests.empty());
    CHECK(around.neighbours.empty());
    CHECK(around.tunnel_addresses.size() == 2);
}

TEST_CASE("IPv6 of a guest counts where IPv6 is used", "[surroundings]") {
    Policy policy = wireguard_policy();
    LinkTable links = host_with_bridge();
    links[kGuest].addresses.push_back({address("fd77::1"), 64});
    CHECK(guests(policy, links) == kBridge);
    policy.ipv6 = Ipv6::tunnel;
    CHECK(guests(policy, links) == std::vector<std::string>{"br0 10.77.0.0/24", "br0 fd77::/64"});
}

TEST_CASE("surroundings are sorted and unique, whatever the order of the links", "[surroundings]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].interface = "wg*";
    policy.lan.allow = true;
    policy.ipv6 = Ipv6::tunnel;
    policy.guests.automatic = false;
    policy.guests.interfaces = {"g*"};
    LinkTable links;
    int index = 2;
    for (const char* const name : {"wg1", "wg0", "g1", "g0", "eth1", "eth0"}) {
        links[index] = link(name, "dummy", "fd00::2", 64);
        links[index].addresses.insert(links[index].addresses.begin(),
                                      {{address("fd01::1"), 64}, {address("fd01::2"), 64}});
        if (links[index].name.starts_with("wg")) {
            links[index].addresses = {{address("fd03::1"), 64}, {address("fd02::1"), 64}};
        }
        ++index;
    }
    const Prefix first = *Prefix::parse("fd00::/64");
    const Prefix second = *Prefix::parse("fd01::/64");

    const Surroundings around = surroundings(policy, links);

    CHECK(around.tunnel_addresses ==
          std::vector<IpAddress>{address("fd02::1"), address("fd03::1")});
    CHECK(around.guests ==
          std::vector<LinkNetwork>{{"g0", first}, {"g0", second}, {"g1", first}, {"g1", second}});
    const std::vector<LinkNetwork> local{
        {"eth0", first}, {"eth0", second}, {"eth1", first}, {"eth1", second}};
    CHECK(around.lan == local);
    CHECK(around.neighbours == local);
}

TEST_CASE("a router is a neighbour by its own link, unless its network is", "[surroundings]") {
    LinkTable links;
    links[2] = link("eth0", "", "2001:db8::7", 64);
    links[2].addresses.push_back({address("2001:db8:1::7"), 0});
    links[2].addresses.push_back({address("192.0.2.7"), 24});
    links[2].routers6 = {address("2001:db8::1"), address("fe80::1")};
    links[3] = link("eth1", "", "fe80::7", 64);
    links[3].routers6 = {address("2001:db8::1")};

    CHECK(surroundings(wireguard_policy(), links).neighbours ==
          std::vector<LinkNetwork>{{"eth0", *Prefix::parse("2001:db8::/64")},
                                   {"eth1", *Prefix::parse("2001:db8::1")}});
}

TEST_CASE("the LAN is that of the uplinks chosen, in the families that are used",
          "[surroundings]") {
    Policy policy = wireguard_policy();
    policy.lan.allow = true;
    policy.lan.unsafe = true;
    LinkTable links = host_with_bridge();
    links[kUplink].addresses = {{address("198.51.100.7"), 0}, {address("198.51.100.7"), 24}};
    CHECK(lan(policy, links) == std::vector<std::string>{"eth0 198.51.100.0/24"});
    policy.lan.allow = false;
    CHECK(lan(policy, links) == kNone);
}
