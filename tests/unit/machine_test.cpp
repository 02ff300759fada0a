// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "host/machine.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/policy.hpp"

#include <string>
#include <vector>

using namespace ks;

namespace {

const Endpoint kServer{*IpAddress::parse("203.0.113.7"), proto::kUdp, 51820};

Policy home_policy() {
    Policy policy;
    policy.mode = Mode::always;
    Tunnel tunnel;
    tunnel.name = "home";
    tunnel.interface = "wg0";
    tunnel.endpoints = {kServer};
    tunnel.only.fwmark = MarkMatch{0xca6c};
    policy.tunnels = {tunnel};
    return policy;
}

Link link(const std::string& name, const std::string& kind, const std::string& address) {
    Link one;
    one.name = name;
    one.kind = kind;
    one.up = true;
    one.addresses = {{*IpAddress::parse(address), 24}};
    return one;
}

Machine home_machine(const std::string& kind = "wireguard") {
    Machine machine;
    machine.links =
        LinkTable{{2, link("eth0", "", "192.168.1.20")}, {3, link("wg0", kind, "10.2.0.2")}};
    VpnPeer peer;
    peer.endpoint = kServer;
    machine.devices[3] = {0xca6c, 51820, {peer}};
    return machine;
}

std::vector<std::string> seen(const Policy& policy, const Machine& machine) {
    return surprises(policy, known_endpoints(policy), machine);
}

}  // namespace

TEST_CASE("a machine as the config has it surprises nobody", "[machine]") {
    Machine machine = home_machine();
    machine.resolvers = {*IpAddress::parse("10.2.0.1"), *IpAddress::parse("127.0.0.53"),
                         *IpAddress::parse("9.9.9.9"), *IpAddress::parse("::1")};

    CHECK(seen(home_policy(), machine).empty());
    CHECK(seen(home_policy(), Machine{}).empty());
}

TEST_CASE("a device of another kind is named with the cure", "[machine]") {
    Policy policy = home_policy();
    policy.tunnels.front().kind = "wireguard";

    CHECK(seen(policy, home_machine("tun")) ==
          std::vector<std::string>{"wg0 is up, but is a tun device, not wireguard: it would stay "
                                   "closed. Remove `kind`, or write `kind: tun`."});
}

TEST_CASE("a server that the config does not know is named", "[machine]") {
    Machine machine = home_machine();
    machine.devices[3].peers.front().endpoint->port = 443;

    CHECK(seen(home_policy(), machine) ==
          std::vector<std::string>{"wg0 talks to 203.0.113.7:443/udp, which is no endpoint here. "
                                   "Write it under `endpoints`, or `auto`."});
}

TEST_CASE("a mark that does not fit is named", "[machine]") {
    Machine machine = home_machine();
    machine.devices[3].fwmark = 0;
    CHECK(
        seen(home_policy(), machine) ==
        std::vector<std::string>{"wg0 marks no packets, but only.fwmark asks for 0xca6c: it could "
                                 "not connect."});

    Policy policy = home_policy();
    policy.tunnels.front().only = {};
    CHECK(seen(policy, machine).empty());
    machine.devices[3].fwmark = 0x1234;
    CHECK(seen(policy, machine) ==
          std::vector<std::string>{"wg0 marks its packets with 0x1234; to let no other program use "
                                   "its endpoints: only: { fwmark: 0x1234 }"});
}

TEST_CASE("a resolver that will be refused is named", "[machine]") {
    Machine machine = home_machine();
    machine.resolvers = {*IpAddress::parse("192.168.1.1")};
    Policy policy = home_policy();
    REQUIRE(seen(policy, machine).size() == 1);
    CHECK(seen(policy, machine).front().find("asks 192.168.1.1, a LAN resolver") !=
          std::string::npos);

    policy.lan.allow = true;
    policy.lan.dns = true;
    CHECK(seen(policy, machine).empty());

    machine.resolvers = {*IpAddress::parse("9.9.9.9")};
    policy.dns_servers = {{*IpAddress::parse("10.2.0.1")}};
    REQUIRE(seen(policy, machine).size() == 1);
    CHECK(seen(policy, machine).front().find("not among dns.servers") != std::string::npos);
}

TEST_CASE("a lock that a reboot would not load is named", "[machine]") {
    Machine machine = home_machine();
    machine.disabled_units = {"killswitchd-boot.service"};
    Policy policy = home_policy();
    CHECK(seen(policy, machine).size() == 1);
    policy.boot = BootLock::open;
    CHECK(seen(policy, machine).empty());
}

TEST_CASE("a unit of `reconnect` that does not exist is named", "[machine]") {
    Machine machine = home_machine();
    machine.missing_units = {"wg-quick@wg9.service"};
    REQUIRE(seen(home_policy(), machine).size() == 1);
    CHECK(seen(home_policy(), machine).front().find("no unit wg-quick@wg9.service") !=
          std::string::npos);
}

TEST_CASE("a tunnel that has to be learned first is named", "[machine]") {
    Policy policy = home_policy();
    policy.tunnels.front().endpoints.clear();
    policy.tunnels.front().automatic = true;
    REQUIRE(seen(policy, home_machine()).size() == 1);
    CHECK(seen(policy, home_machine()).front().find("no server was learned yet") !=
          std::string::npos);
}

TEST_CASE("resolvers are read as the resolver library reads them", "[machine]") {
    CHECK(resolvers_in("# nameserver 1.1.1.1\nnameserver 9.9.9.9\n\tnameserver\tfd00::1 # home\n"
                       "nameserver\nnameserver fe80::1%eth0\nsearch lan\noptions ndots:1") ==
          std::vector<IpAddress>{*IpAddress::parse("9.9.9.9"), *IpAddress::parse("fd00::1")});
}
