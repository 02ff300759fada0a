// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_support.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/nearest.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::testing;

namespace {

const std::string kFull = R"(version: 1
mode: always
boot: open
tunnels:
  - name: home
    interface: wg0
    kind: wireguard
    endpoints:
      - 203.0.113.7:51820/udp
      - "[2001:db8::7]:443/tcp"
    only:
      fwmark: 0xca6c/0xffff
  - name: office
    interface: tun-*
    endpoints: [198.51.100.9:500/udp, 198.51.100.9/esp, "2001:db8::9/esp"]
    only: { user: openvpn, group: 7, cgroup: system.slice/openvpn-client@home.service }
  - name: branch
    interface: ipsec0
    kind: xfrm
    endpoints: [198.51.100.10:4500/udp, 198.51.100.10/esp]
    only: { fwmark: 7 }
ipv6: tunnel
dns:
  servers: [10.2.0.1, "fd00::1"]
  bootstrap: []
lan:
  allow: true
  networks: [192.168.0.0/16, "fd00::/8", 100.64.0.0/10]
  unsafe: true
  interfaces: [eth0, "wl*"]
  dns: true
  inbound: true
guests:
  interfaces: [br0, "veth*"]
  reach: block
allow:
  outbound:
    - { to: 192.0.2.0/24, ports: [443/tcp, 5000-5010/udp], user: openvpn, group: 7 }
    - { cgroup: system.slice/backup.service, interface: "eth*" }
  inbound:
    - { from: "2001:db8::/32", ports: [22/tcp], interface: eth0 }
scope: apps
apps: { users: [openvpn, 7], groups: [admins], cgroups: [user.slice] }
raw: allow
log: { blocked: false, rate: 5/minute }
ownership: off
control: { admin_group: admins, read: group openvpn }
)";

void fill_surroundings(Policy& policy) {
    const auto prefix = [](const char* text) { return *Prefix::parse(text); };
    policy.lan.allow = true;
    policy.lan.networks = Lan::Networks::listed;
    policy.lan.list = {prefix("192.168.0.0/16"), prefix("fd00::/8"), prefix("100.64.0.0/10")};
    policy.lan.unsafe = true;
    policy.lan.interfaces = {"eth0", "wl*"};
    policy.lan.dns = true;
    policy.lan.inbound = true;
    policy.guests = {false, {"br0", "veth*"}, Guests::Reach::block};
    AllowRule server;
    server.far = prefix("192.0.2.0/24");
    server.ports = {{{443, 443}, proto::kTcp}, {{5000, 5010}, proto::kUdp}};
    server.user = 101;
    server.group = 7;
    AllowRule backup;
    backup.cgroup = "system.slice/backup.service";
    backup.interface = "eth*";
    policy.outbound = {server, backup};
    AllowRule ssh;
    ssh.far = prefix("2001:db8::/32");
    ssh.ports = {{{22, 22}, proto::kTcp}};
    ssh.interface = "eth0";
    policy.inbound = {ssh};
    policy.scope = Scope::apps;
    policy.apps = {{101, 7}, {103}, {"user.slice"}};
    policy.raw = Raw::allow;
}

Policy full_policy() {
    const auto address = [](const char* text) { return *IpAddress::parse(text); };
    Tunnel home;
    home.name = "home";
    home.interface = "wg0";
    home.kind = "wireguard";
    home.endpoints = {{address("203.0.113.7"), proto::kUdp, 51820},
                      {address("2001:db8::7"), proto::kTcp, 443}};
    home.only.fwmark = MarkMatch{0xca6c, 0xffff};
    Tunnel office;
    office.name = "office";
    office.interface = "tun-*";
    office.endpoints = {{address("198.51.100.9"), proto::kUdp, 500},
                        {address("198.51.100.9"), proto::kEsp, 0},
                        {address("2001:db8::9"), proto::kEsp, 0}};
    office.only.user = 101;
    office.only.group = 7;
    office.only.cgroup = "system.slice/openvpn-client@home.service";
    Tunnel branch;
    branch.name = "branch";
    branch.interface = "ipsec0";
    branch.kind = "xfrm";
    branch.endpoints = {{address("198.51.100.10"), proto::kUdp, 4500},
                        {address("198.51.100.10"), proto::kEsp, 0}};
    branch.only.fwmark = MarkMatch{7, 0xffffffff};
    Policy policy;
    policy.mode = Mode::always;
    policy.boot = BootLock::open;
    policy.tunnels = {home, office, branch};
    fill_surroundings(policy);
    policy.ipv6 = Ipv6::tunnel;
    policy.dns_servers = {address("10.2.0.1"), address("fd00::1")};
    policy.ownership = Ownership::off;
    policy.log = {false, {5, Rate::Per::minute}};
    policy.control.admin_gid = 103;
    policy.control.read = {ReadAccess::Who::group, 102};
    return policy;
}

}  // namespace

TEST_CASE("a config with every key becomes the policy it describes", "[config]") {
    const LoadedConfig loaded = parse_text(kFull);

    CHECK(errors_in(loaded) == 0);
    REQUIRE(loaded.ok());
    CHECK(*loaded.policy == full_policy());
    CHECK(loaded.files == std::vector<std::string>{"k.yaml"});
}

TEST_CASE("what a config leaves out has the documented default", "[config]") {
    const LoadedConfig loaded = parse_text(kAlways);

    CHECK(findings(loaded).empty());
    REQUIRE(loaded.ok());
    CHECK(loaded.policy->boot == BootLock::lock);
    CHECK(loaded.policy->tunnels.at(0).name == "wg0");
    CHECK(loaded.policy->ipv6 == Ipv6::block);
    CHECK(!loaded.policy->dns_servers);
    CHECK(loaded.policy->ownership == Ownership::automatic);
    CHECK(loaded.policy->control == Control{});
    CHECK(loaded.policy->lan == Lan{});
    CHECK(loaded.policy->guests == Guests{});
    CHECK(loaded.policy->outbound.empty());
    CHECK(loaded.policy->inbound.empty());
    CHECK(loaded.policy->scope == Scope::all);
    CHECK(loaded.policy->apps == Apps{});
    CHECK(loaded.policy->raw == Raw::block);
}

TEST_CASE("mode off needs no tunnel", "[config]") {
    const LoadedConfig loaded = parse_text(kOff);

    CHECK(findings(loaded).empty());
    REQUIRE(loaded.ok());
    CHECK(loaded.policy->mode == Mode::off);
}

TEST_CASE("harmless forms of YAML are accepted", "[config]") {
    const std::string text = GENERATE(
        as<std::string>{}, "---\nversion: 1\nmode: off\n", "version: 1\nmode: off\n...\n",
        "version: 1\r\nmode: off\r\n", "{version: 1, mode: \"off\"}", "version: 1\nmode:\toff\n",
        "version: 1\n  \nmode: off", "# Größe: €\nversion: 1\nmode: 'off'  # because\n");
    CAPTURE(text);

    CHECK(findings_of(text).empty());
}

TEST_CASE("marks are read as numbers of 32 bits with an optional mask", "[config]") {
    const auto [text, value, mask] = GENERATE(table<std::string, std::uint32_t, std::uint32_t>({
        {"1", 1, 0xffffffff},
        {"51820", 51820, 0xffffffff},
        {"0xCA6C", 0xca6c, 0xffffffff},
        {"4294967295", 0xffffffff, 0xffffffff},
        {"\"0x80000/0xff0000\"", 0x80000, 0xff0000},
    }));
    CAPTURE(text);

    const LoadedConfig loaded = parse_text(kOff +
                                           "tunnels:\n"
                                           "  - { interface: a, only: { fwmark: " +
                                           text + " } }\n");

    REQUIRE(loaded.ok());
    CHECK(loaded.policy->tunnels.at(0).only.fwmark == MarkMatch{value, mask});
}

TEST_CASE("control.read knows everyone, root and one group", "[config]") {
    using Who = ReadAccess::Who;
    const auto [text, who, gid] = GENERATE(table<std::string, Who, std::uint32_t>({
        {"all", Who::all, 0},
        {"root", Who::root, 0},
        {"group admins", Who::group, 103},
        {"group 12", Who::group, 12},
    }));

    const LoadedConfig loaded = parse_text(kOff + "control: { read: " + text + " }\n");

    REQUIRE(loaded.ok());
    CHECK(loaded.policy->control.read == ReadAccess{who, gid});
    CHECK(!loaded.policy->control.admin_gid);
}

TEST_CASE("holes that a user may not see are warnings at the tunnel", "[config]") {
    const std::string endpoint = ", endpoints: [192.0.2.1/esp], only: { fwmark: 1 }";
    const auto [tunnel, message] = GENERATE_REF(table<std::string, std::string>({
        {"interface: wg0, endpoints: [192.0.2.1/esp]",
         "tunnel 'wg0': every program may send to its endpoints"},
        {"interface: wg0, endpoints: [192.0.2.1/esp], only: {}",
         "tunnel 'wg0': every program may send to its endpoints"},
        {"interface: wg0", "tunnel 'wg0' has no endpoint: it cannot connect while traffic is "
                           "blocked"},
        {"interface: wg*" + endpoint,
         "tunnel 'wg*': every interface whose name fits 'wg*' counts as the tunnel"},
    }));
    CAPTURE(tunnel);

    const LoadedConfig loaded =
        parse_text("version: 1\nmode: always\ntunnels:\n  - { " + tunnel + " }\n");

    CHECK(findings(loaded) == std::vector<std::string>{"4:5: warning: " + message});
    CHECK(loaded.ok());
}

TEST_CASE("an import that the sandbox of the service hides is a warning", "[config]") {
    const std::string path = std::string("/home") + "/me/wg0.conf";
    const std::string text = kOff + "tunnels: [{ interface: wg0, endpoints: [{ import: ";
    CHECK(findings_of(text + path + " }], only: { fwmark: 1 } }]\n") ==
          std::vector<std::string>{"3:51: warning: import '" + path +
                                   "': the service of systemd cannot read files of users"});
    CHECK(findings_of(text + "/homes/wg0.conf }], only: { fwmark: 1 } }]\n").empty());
}

TEST_CASE("an interface that may be an uplink is a warning", "[config]") {
    const auto [name, warned] = GENERATE(table<std::string, bool>({
        {"e*", true},
        {"w*", true},
        {"p*", true},
        {"ppp*", true},
        {"wwan*", true},
        {"enp3*", true},
        {"eth0", true},
        {"wlan0", true},
        {"wg0", false},
        {"tun0", false},
        {"wg1", false},
        {"proton0", false},
        {"a", false},
    }));
    CAPTURE(name);

    const LoadedConfig loaded =
        parse_text("version: 1\nmode: always\ntunnels:\n  - { interface: '" + name +
                   "', endpoints: [192.0.2.1/esp], "
                   "only: { fwmark: 1 } }\n");

    REQUIRE(loaded.ok());
    CHECK(loaded.diagnostics.size() == (warned ? 1U : 0U));
    for (const Diagnostic& d : loaded.diagnostics) {
        CHECK(d.message.find("network cards and modems") != std::string::npos);
    }
}

TEST_CASE("the hash follows names and contents", "[config]") {
    const auto hash = [](const std::vector<ConfigText>& texts) {
        return parse_config(texts, fixed_names()).hash;
    };

    const std::string first = hash({{"a", "b"}});

    CHECK(first.size() == 16);
    CHECK(first.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(first == hash({{"a", "b"}}));
    CHECK(first != hash({{"a", "c"}}));
    CHECK(first != hash({{"c", "b"}}));
    CHECK(first != hash({{"ab", ""}}));
    CHECK(hash({{"a", "b"}, {"c", "d"}}) != hash({{"c", "d"}, {"a", "b"}}));
}

TEST_CASE("the nearest word is a slip of the fingers away, or there is none", "[config]") {
    const std::vector<std::string> words{"mode", "boot", "tunnels", "endpoints", "to", "ipv6"};
    const auto [word, expected] = GENERATE(table<std::string, std::optional<std::string>>({
        {"endpoint", "endpoints"},
        {"endpiont", "endpoints"},
        {"ENDPOINTS", "endpoints"},
        {"Tunnels", "tunnels"},
        {"tunel", "tunnels"},
        {"mdoe", "mode"},
        {"ipv4", "ipv6"},
        {"modes", "mode"},
        {"xx", std::nullopt},
        {"", std::nullopt},
        {"interface", std::nullopt},
        {"root", "boot"},
        {std::string(100'000, 'e'), std::nullopt},
    }));
    CAPTURE(word);

    CHECK(nearest(word, words) == expected);
    CHECK(nearest(word, {}) == std::nullopt);
}

TEST_CASE("the system's names are found and others are not", "[config]") {
    const NameLookup names = system_names();

    CHECK(names.uid("root") == 0U);
    CHECK(names.gid("root") == 0U);
    CHECK(!names.uid("no such user"));
    CHECK(!names.gid("no such group"));
}

TEST_CASE("a finding is shown with its line, a caret and the way out", "[config][golden]") {
    const LoadedConfig loaded = parse_text(kOff + "tunnels:\n"
                                                  "  - interface: wg0\n"
                                                  "    endpoint: [192.0.2.1/esp]\n");

    REQUIRE(loaded.diagnostics.size() == 1);
    CHECK(render(loaded.diagnostics[0]) ==
          "k.yaml:5:5: error: unknown key 'endpoint'; did you mean 'endpoints'?\n"
          "      endpoint: [192.0.2.1/esp]\n"
          "      ^\n"
          "  hint: accepted: name, interface, kind, endpoints, only, follow_roaming, reconnect, "
          "ipsec, inbound, inbound_file, private, via\n");
}

TEST_CASE("the caret stands below its character, not its byte", "[config][golden]") {
    const LoadedConfig loaded = parse_text(kOff + "lan: { \"größe\": 1,\tallow: no }\n");

    REQUIRE(loaded.diagnostics.size() == 2);
    CHECK(render(loaded.diagnostics[1]) ==
          "k.yaml:3:29: error: lan.allow 'no' is not true or false\n"
          "  lan: { \"größe\": 1, allow: no }\n"
          "                            ^\n"
          "  hint: write true or false; yes, no, on, off and numbers are not accepted\n");
}

TEST_CASE("a finding about a file as a whole has no position", "[config][golden]") {
    Diagnostic diagnostic;
    diagnostic.severity = Diagnostic::Severity::warning;
    diagnostic.file = "k.yaml";
    diagnostic.message = "odd";

    CHECK(render(diagnostic) == "k.yaml: warning: odd\n");
}

TEST_CASE("every value of a config has its place, in the file that gave it", "[config]") {
    const LoadedConfig config = parse_config(
        {{"a.yaml", "version: 1\nmode: always\ntunnels:\n  - interface: wg0\n    endpoints: "
                    "[203.0.113.7:51820/udp]\n"},
         {"b.yaml", "lan:\n  allow: true\nallow:\n  outbound:\n    - { to: 192.0.2.1 }\n    - { "
                    "to: 192.0.2.2 }\n"}},
        system_names());

    REQUIRE(config.ok());
    CHECK(config.places.at("tunnels[0]") == ConfigPlace{"a.yaml", 4});
    CHECK(config.places.at("lan.allow") == ConfigPlace{"b.yaml", 2});
    CHECK(config.places.at("allow.outbound[1]") == ConfigPlace{"b.yaml", 6});
    CHECK(config.places.count("ipv6") == 0);
}
