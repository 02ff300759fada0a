// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_support.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <string>
#include <vector>

using namespace ks;
using namespace ks::testing;

namespace {

Tunnel some_tunnel() {
    Tunnel tunnel;
    tunnel.name = "home";
    tunnel.interface = "wg0";
    tunnel.kind = "tun";
    tunnel.endpoints = {{*IpAddress::parse("203.0.113.7"), proto::kUdp, 51820},
                        {*IpAddress::parse("2001:db8::7"), proto::kTcp, 443},
                        {*IpAddress::parse("203.0.113.7"), proto::kEsp, 0}};
    tunnel.imports = {"/etc/wireguard/wg0.conf", "/etc/openvpn/client/\"my\" # home.ovpn"};
    tunnel.only.fwmark = MarkMatch{0x10, 0xf0};
    tunnel.only.user = 101;
    tunnel.only.group = 102;
    tunnel.only.cgroup = "system.slice/openvpn-client@home.service";
    return tunnel;
}

/// Every key has another value than by default.
Policy full_policy() {
    Policy policy;
    policy.mode = Mode::on_drop;
    policy.boot = BootLock::lock;
    policy.tunnels = {some_tunnel()};
    policy.ipv6 = Ipv6::tunnel;
    policy.dns_servers = {{*IpAddress::parse("10.99.0.1"), *IpAddress::parse("fd99::1")}};
    policy.lan = {true,
                  Lan::Networks::listed,
                  {*Prefix::parse("192.168.7.0/24"), *Prefix::parse("2001:db8:7::/64")},
                  true,
                  {"eth0", "wl*"},
                  true,
                  true};
    policy.guests = {false, {"br0", "veth*"}, Guests::Reach::block};
    AllowRule out;
    out.far = *Prefix::parse("192.0.2.0/24");
    out.ports = {{{443, 443}, proto::kTcp}, {{5000, 5010}, proto::kUdp}};
    out.user = 1;
    out.group = 2;
    out.cgroup = "a.slice/b.service";
    out.interface = "eth0";
    policy.outbound = {out};
    AllowRule in;
    in.far = *Prefix::parse("2001:db8:5::/48");
    in.ports = {{{22, 22}, proto::kTcp}};
    AllowRule by_interface;
    by_interface.interface = "eth1";
    policy.inbound = {in, by_interface};
    policy.scope = Scope::apps;
    policy.apps = {{1000, 1001}, {7}, {"app.slice"}};
    policy.raw = Raw::allow;
    policy.ownership = Ownership::off;
    policy.control = {103, {ReadAccess::Who::group, 104}};
    return policy;
}

void check_survives(const Policy& policy) {
    const std::string text = config_text(policy);
    CAPTURE(text);
    const LoadedConfig loaded = parse_text(text);
    CAPTURE(findings(loaded));
    REQUIRE(loaded.ok());
    CHECK(*loaded.policy == policy);
}

}  // namespace

TEST_CASE("a policy that is written as YAML is read as the same policy", "[config]") {
    check_survives(full_policy());
}

TEST_CASE("the written YAML keeps each kind of local network, reader and mode", "[config]") {
    Policy policy = full_policy();
    policy.lan.list.clear();
    policy.lan.unsafe = false;
    policy.lan.networks = GENERATE(Lan::Networks::on_link, Lan::Networks::private_);
    policy.control.read = {GENERATE(ReadAccess::Who::all, ReadAccess::Who::root), 0};
    policy.control.admin_gid.reset();
    policy.mode = GENERATE(Mode::always, Mode::on_drop);
    policy.boot = GENERATE(BootLock::lock, BootLock::open);
    policy.guests.automatic = true;
    policy.guests.interfaces.clear();
    policy.scope = Scope::all;
    policy.apps = {};

    check_survives(policy);
}

TEST_CASE("a tunnel that only imports can be written", "[config]") {
    Policy policy = full_policy();
    policy.tunnels[0].endpoints.clear();
    check_survives(policy);
}

TEST_CASE("a policy without a tunnel can be written", "[config]") {
    check_survives(Policy{});
}
