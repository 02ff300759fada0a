// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_support.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/policy.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::testing;

// --- lan -----------------------------------------------------------------------------------------

TEST_CASE("the networks of a LAN are on-link, private or a list", "[config][lan]") {
    CHECK(check_accepted(kOff + "lan: { allow: true }\n").lan.networks == Lan::Networks::on_link);
    CHECK(check_accepted(kOff + "lan: { allow: true, networks: private }\n").lan.networks ==
          Lan::Networks::private_);

    const Lan lan =
        check_accepted(kOff + "lan: { allow: true, networks: [10.0.0.0/8, 172.16.0.0/12, "
                              "192.168.0.0/16, 169.254.0.0/16, 'fc00::/7', 'fe80::/10'] }\n")
            .lan;

    CHECK(lan.networks == Lan::Networks::listed);
    CHECK(lan.list.size() == 6);
    CHECK(!lan.unsafe);
}

TEST_CASE("a public prefix in the LAN needs a word of its own", "[config][lan][fail-closed]") {
    const std::string prefix =
        GENERATE(as<std::string>{}, "100.64.0.0/10", "203.0.113.0/24", "10.0.0.0/7",
                 "2001:db8::/32", "172.0.0.0/11", "fec0::/10", "9.9.9.9");
    const auto lan = [&](const std::string& keys) {
        return kOff + "lan: { networks: ['" + prefix + "'], " + keys + " }\n";
    };
    CAPTURE(prefix);
    CHECK(check_accepted(lan("unsafe: true")).lan.unsafe);

    CHECK(findings_of(lan("allow: true")) ==
          std::vector<std::string>{"3:19: lan.networks: " + prefix +
                                   " is public; that needs 'unsafe: true' beside it"});
    CHECK(!parse_text(lan("unsafe: false")).ok());
    const LoadedConfig loaded = parse_text(lan("allow: true, unsafe: true"));
    CHECK(loaded.ok());
    CHECK(findings(loaded) ==
          std::vector<std::string>{"3:19: warning: lan.networks: " + prefix +
                                   " is public and may be reached outside the tunnel"});
}

TEST_CASE("unsafe may stand in another file than its networks", "[config][lan][merge]") {
    const std::string first = kOff + "lan: { networks: [203.0.113.0/24] }\n";
    REQUIRE(!parse_text(first).ok());

    CHECK(parse_config({{"a.yaml", first}, {"b.yaml", "lan: { unsafe: true }\n"}}, fixed_names())
              .ok());
}

TEST_CASE("what is no local network is refused, unsafe or not", "[config][lan][fail-closed]") {
    const auto [prefix, reason] = GENERATE(table<std::string, std::string>({
        {"0.0.0.0/0", "is every address, not a local network"},
        {"::/0", "is every address, not a local network"},
        {"0.0.0.0/1", "covers the unspecified address"},
        {"128.0.0.0/1", "covers a multicast address"},
        {"8000::/1", "covers a multicast address"},
        {"224.0.0.0/24", "covers a multicast address"},
        {"ff02::/16", "covers a multicast address"},
        {"fc00::/6", "covers a multicast address"},
        {"127.0.0.0/8", "covers a loopback address"},
        {"255.255.255.255", "covers the broadcast address"},
        {"::ffff:10.0.0.0/104", "covers an IPv4 address written as IPv6; write the IPv4 address"},
        {"10.0.0.1/8", "is not an address prefix, or has bits set behind it"},
    }));
    for (const char* const more : {"", ", unsafe: true"}) {
        check_section({fmt::format("lan: {{ networks: ['{}']{} }}", prefix, more),
                       fmt::format("3:19: '{}' {}", prefix, reason)});
    }
}

TEST_CASE("mistakes in the LAN are errors", "[config][lan]") {
    check_section(GENERATE(values<Mistake>({
        {"lan: { networks: [] }", "3:18: lan.networks is an empty list"},
        {"lan: { networks: on_link }",
         "3:18: unknown lan.networks 'on_link'; did you mean 'on-link'?"},
        {"lan: { networks: [10.0.0.0/8, 10.0.0.0/8] }",
         "3:31: '10.0.0.0/8' is given twice in lan.networks"},
        {"lan: { networks: [10.0.0.0/8, 10.1.0.0/16] }",
         "3:31: 10.1.0.0/16 overlaps with 10.0.0.0/8 on line 3"},
        {"lan: { unsafe: true }",
         "3:16: lan.unsafe: true needs a list of prefixes in lan.networks"},
        {"lan: { networks: on-link, unsafe: true }",
         "3:35: lan.unsafe: true needs a list of prefixes in lan.networks"},
        {"lan: { interfaces: [eth0, eth0] }", "3:27: 'eth0' is given twice in lan.interfaces"},
        {"lan: { interfaces: ['*'] }", "3:21: interface '*' would match every interface"},
        {"tunnels: [{ interface: wg0, endpoints: [192.0.2.1/esp], only: { fwmark: 1 } }]\n"
         "lan: { interfaces: [eth0, wg0] }",
         "4:27: lan.interfaces 'wg0' fits 'wg0', the interface of tunnel 'wg0'"},
    })));
}

TEST_CASE("what a LAN opens or does not open is a warning", "[config][lan]") {
    const auto [keys, finding] = GENERATE(table<std::string, std::string>({
        {"dns: true", "3:13: warning: lan.dns: true has no effect while lan.allow is false"},
        {"inbound: true",
         "3:17: warning: lan.inbound: true has no effect while lan.allow is false"},
        {"allow: true, dns: true",
         "3:26: warning: lan.dns: true: the local network sees the names that its resolvers are "
         "asked"},
    }));
    const LoadedConfig loaded = parse_text(kOff + "lan: { " + keys + " }\n");

    CHECK(findings(loaded) == std::vector<std::string>{finding});
    CHECK(loaded.ok());
}

// --- guests --------------------------------------------------------------------------------------

TEST_CASE("guests are found, or named", "[config][guests]") {
    CHECK(check_accepted(kOff + "guests: { interfaces: auto }\n").guests == Guests{});
    CHECK(check_accepted(kOff + "guests: { reach: block }\n").guests.reach == Guests::Reach::block);

    const Guests named = check_accepted(kOff + "guests: { interfaces: [br0, 'veth*'] }\n").guests;

    CHECK(!named.automatic);
    CHECK(named.interfaces == std::vector<std::string>{"br0", "veth*"});
}

TEST_CASE("no interface is a tunnel and a guest at once", "[config][guests][fail-closed]") {
    const auto [tunnel, guest, both] = GENERATE(table<std::string, std::string, bool>({
        {"wg0", "wg0", true},
        {"wg0", "wg*", true},
        {"wg*", "wg0", true},
        {"wg*", "wg-guest*", true},
        {"wg-vpn*", "wg*", true},
        {"wg0", "wg1", false},
        {"wg0", "wg", false},
        {"wg1*", "wg0*", false},
        {"group:vpns", "group:7", true},
        {"group:7", "group:vpns", true},
        {"group:7", "group:8", false},
        {"group:7", "g*", false},
    }));
    const LoadedConfig loaded = parse_text(
        kOff + "tunnels: [{ name: home, interface: '" + tunnel +
        "', endpoints: [192.0.2.1/esp], only: { fwmark: 1 } }]\nguests: { interfaces: ['" + guest +
        "'] }\n");
    CAPTURE(tunnel, guest);

    const std::string shown = tunnel == "group:vpns" ? "group:7" : tunnel;
    REQUIRE(loaded.ok() != both);
    if (both) {
        CHECK(findings(loaded).back() == "4:24: guests.interfaces '" + guest + "' fits '" + shown +
                                             "', the interface of tunnel 'home'");
    }
}

TEST_CASE("an interface group is named or numbered, and becomes a number", "[config][groups]") {
    const Policy policy = check_accepted("version: 1\nmode: off\nlan: { interfaces: ['group:9'] }\n"
                                         "guests: { interfaces: ['group:vpns', veth1] }\n");
    CHECK(policy.lan.interfaces == std::vector<std::string>{"group:9"});
    CHECK(policy.guests.interfaces == std::vector<std::string>{"group:7", "veth1"});

    const std::string tunnel = "tunnels: [{ interface: 'group:vpns', endpoints: [192.0.2.1/esp], "
                               "only: { fwmark: 1 } }]\n";
    const LoadedConfig loaded = parse_text(kOff + tunnel);
    REQUIRE(loaded.ok());
    CHECK(loaded.policy->tunnels[0].interface == "group:7");
    CHECK(findings(loaded).back() ==
          "3:11: warning: tunnel 'group:7': every interface in group 7 counts as the tunnel");
    CHECK(parse_text(config_text(*loaded.policy)).policy == loaded.policy);
}

TEST_CASE("mistakes in interface groups are errors", "[config][groups]") {
    const auto [group, message] = GENERATE(table<std::string, std::string>({
        {"group:none", "interface group 'none' is not known here"},
        {"group:", "interface group '' is not known here"},
        {"group:0", "interface group 0 is that of all that are in no other"},
    }));
    CHECK(findings_of(kOff + "guests: { interfaces: ['" + group + "'] }\n").back() ==
          "3:24: " + message);
}

TEST_CASE("names of interface groups stand in tables like those of ip-link", "[config][groups]") {
    std::istringstream table(
        "# device group names\n0\tdefault\n0x1f vpns # mine\n12x odd\n7 office\n");
    CHECK(number_in(table, "vpns") == 31U);
    table.clear();
    table.seekg(0);
    CHECK(number_in(table, "office") == 7U);
    for (const char* const name : {"odd", "none", "device", "mine"}) {
        table.clear();
        table.seekg(0);
        CAPTURE(name);
        CHECK_FALSE(number_in(table, name));
    }
}

TEST_CASE("mistakes about guests are errors", "[config][guests]") {
    check_section(GENERATE(values<Mistake>({
        {"guests: { interfaces: [] }", "3:23: guests.interfaces is an empty list"},
        {"guests: { interfaces: none }", "3:23: unknown guests.interfaces 'none'"},
        {"guests: { interfaces: [br0, br0] }", "3:29: 'br0' is given twice in guests.interfaces"},
        {"guests: { reach: all }", "3:18: unknown guests.reach 'all'"},
    })));
}

// --- tunnels whose packets the kernel sends ------------------------------------------------------

TEST_CASE("a sender that the kernel's own packets never have is an error", "[config]") {
    const std::string kind =
        GENERATE(as<std::string>{}, "wireguard", "amneziawg", "ovpn", "xfrm", "vti", "vti6");
    const std::string who =
        GENERATE(as<std::string>{}, "user: openvpn", "group: openvpn, fwmark: 1", "cgroup: a/b");
    const auto text = [&](const std::string& linked) {
        return tunnel("endpoints: [192.0.2.1/esp], only: { " + who +
                      " }, interface: wg0, kind: " + linked);
    };
    REQUIRE(parse_text(text("tun")).ok());

    check_refused({text(kind), "3:47: tunnel 'wg0': the kernel itself sends the packets of kind '" +
                                   kind +
                                   "', which belong to no user, group or cgroup, so they could "
                                   "never reach the endpoint"});
}

TEST_CASE("IPsec without an interface is a tunnel with a name and endpoints", "[config]") {
    const std::string tunnels =
        "tunnels: [{ name: a, ipsec: policy, endpoints: [192.0.2.1:500/udp, 192.0.2.1/esp], "
        "only: { fwmark: 7 } }]\n";

    const Policy policy = check_accepted(kOff + tunnels);

    REQUIRE(policy.tunnels.size() == 1);
    CHECK(policy.tunnels[0].ipsec);
    CHECK(policy.tunnels[0].interface.empty());
    CHECK(policy.tunnels[0].endpoints.size() == 2);
    const std::string warning =
        "3:10: warning: ipsec: policy: without 'raw: block' and 'scope: all' nothing stops packets "
        "that a masquerade rule of this host takes out of the IPsec policy";
    const auto found = findings_of(kOff + tunnels + "raw: allow\n");
    CHECK(std::count(found.begin(), found.end(), warning) == 1);
}

TEST_CASE("IPsec without an interface needs a name and endpoints, and nothing else", "[config]") {
    const std::string rest = "name: a, endpoints: [192.0.2.1/esp], ipsec: policy";
    const auto mistake = GENERATE_COPY(values<Mistake>({
        {tunnel("endpoints: [192.0.2.1/esp], ipsec: policy, only: { fwmark: 1 }"),
         "3:11: tunnel with 'ipsec: policy' has no 'name'"},
        {tunnel("name: a, ipsec: policy"), "3:11: tunnel 'a' has no endpoint"},
        {tunnel("name: a, ipsec: policy, endpoints: []"), "3:48: tunnel 'a' has no endpoint"},
        {tunnel(rest + ", interface: wg0"),
         "3:76: 'interface' cannot stand beside 'ipsec: policy'"},
        {tunnel(rest + ", kind: xfrm"), "3:71: 'kind' cannot stand beside 'ipsec: policy'"},
        {tunnel("name: a, endpoints: [192.0.2.1/esp], ipsec: yes"), "3:57: unknown ipsec 'yes'"},
        {tunnel(rest + ", only: { user: openvpn }"),
         "3:71: tunnel 'a': the kernel itself sends the packets of IPsec, which belong to no user, "
         "group or cgroup, so they could never reach the endpoint"},
        {kOff + "tunnels: [{ " + rest + " }, { " + rest + " }]\n",
         "3:75: name 'a' is taken by the tunnel on line 3"},
    }));
    CAPTURE(mistake.text);
    const LoadedConfig loaded = parse_text(mistake.text);

    CHECK(!loaded.ok());
    CHECK(errors_in(loaded) == 1);
    const auto found = findings(loaded);
    CHECK(std::count(found.begin(), found.end(), mistake.finding) == 1);
}

// --- scope, raw, mode ----------------------------------------------------------------------------

TEST_CASE("a scope of apps needs apps, and apps need the scope", "[config][scope][fail-closed]") {
    const std::string warning =
        "3:8: warning: scope: apps: all that is not listed under 'apps' may leave outside the "
        "tunnel";
    const std::string list = GENERATE(as<std::string>{}, "users: [openvpn]", "groups: [admins]",
                                      "cgroups: [user.slice/a.scope]");
    CHECK(findings_of(kOff + "scope: apps\napps: { " + list + " }\n") ==
          std::vector<std::string>{warning});

    check_section({"apps: { " + list + " }", "3:7: apps has no effect with 'scope: all'"});
    check_section(
        {"scope: all\napps: { " + list + " }", "4:7: apps has no effect with 'scope: all'"});
    for (const char* const nobody : {"", "\napps: {}", "\napps: { users: [], groups: [] }"}) {
        CHECK(findings_of(kOff + fmt::format("scope: apps{}\n", nobody)) ==
              std::vector<std::string>{"3:8: warning: scope: apps: all but what run-confined "
                                       "starts may leave outside the tunnel"});
    }
}

TEST_CASE("mistakes in apps, scope and raw are errors", "[config][scope]") {
    check_section(GENERATE(values<Mistake>({
        {"scope: app", "3:8: unknown scope 'app'; did you mean 'apps'?"},
        {"raw: off", "3:6: unknown raw 'off'"},
    })));
    CHECK(findings_of(kOff + "scope: apps\napps: { users: [openvpn, 101] }\n").at(1) ==
          "4:26: '101' is given twice in apps.users");
    CHECK(findings_of(kOff + "scope: apps\napps: { users: [nobody-here, 1] }\n").at(1) ==
          "4:17: user 'nobody-here' is not known here");
    CHECK(errors_in(parse_text(kOff + "scope: apps\napps: { users: [nobody-here] }\n")) == 1);
}

TEST_CASE("reconnect names one service, and when", "[config]") {
    const auto with = [](const std::string& keys) {
        std::string text = kAlways;
        return text.replace(text.find("    endpoints"), 0, "    reconnect: " + keys + "\n");
    };
    const Policy policy = check_accepted(with("{ unit: wg-quick@wg0.service }"));
    CHECK(policy.tunnels.front().reconnect ==
          Reconnect{"wg-quick@wg0.service", std::chrono::seconds(10)});
    CHECK(check_accepted(with("{ unit: a.service, after: 2m }")).tunnels.front().reconnect->after ==
          std::chrono::minutes(2));
    CHECK(check_accepted(kAlways).tunnels.front().reconnect == std::nullopt);
    for (const char* const wrong :
         {"{ after: 10s }", "wg-quick@wg0.service", "{ unit: wg-quick@wg0 }",
          "{ unit: 'a.service; reboot' }", "{ unit: killswitchd.service }",
          "{ unit: a.service, after: 10 }", "{ unit: a.service, after: 0s }",
          "{ unit: a.service, after: 61m }", "{ unit: a.service, every: 1s }"}) {
        CAPTURE(wrong);
        CHECK(errors_in(parse_text(with(wrong))) == 1);
    }
}

TEST_CASE("raw: block is the default and needs no word", "[config]") {
    CHECK(findings_of(kOff + "raw: block\n").empty());
}

TEST_CASE("raw packets and an open boot are warnings", "[config]") {
    CHECK(
        findings_of(kOff + "raw: allow\n") ==
        std::vector<std::string>{"3:6: warning: raw: allow: packet sockets and bridged guests may "
                                 "send anything outside the tunnel"});
    CHECK(findings_of(kAlways + "boot: open\n") ==
          std::vector<std::string>{"9:7: warning: boot: open: everything may leave from boot on "
                                   "until the service has started"});
}

TEST_CASE("with on-drop the boot is open, unless the config says lock", "[config]") {
    std::string text = kAlways;
    text.replace(text.find("always"), 6, "on-drop");
    REQUIRE(check_accepted(kAlways).boot == BootLock::lock);

    const Policy policy = check_accepted(text);

    CHECK(policy.mode == Mode::on_drop);
    CHECK(policy.boot == BootLock::open);
    CHECK(check_accepted(text + "boot: lock\n").boot == BootLock::lock);
    CHECK(parse_config({{"a.yaml", "version: 1\nboot: lock\n"}, {"b.yaml", text.substr(11)}},
                       fixed_names())
              .policy->boot == BootLock::lock);
    CHECK(findings_of("version: 1\nmode: on-drop\n") ==
          std::vector<std::string>{"1:1: 'tunnels' is missing"});
}
