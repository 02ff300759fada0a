// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_support.hpp"
#include "killswitchd/config.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::testing;

namespace {

/// An endpoint in column 41 of line 3.
std::string endpoint(const std::string& text) {
    return tunnel("interface: wg0, endpoints: ['" + text + "']");
}

/// The path of an import in column 51 of line 3.
std::string imported(const std::string& path) {
    return tunnel("interface: wg0, endpoints: [{ import: " + path + " }]");
}

/// A mark in column 45 of line 3.
std::string mark(const std::string& text) {
    return tunnel("interface: wg0, only: { fwmark: " + text + " }");
}

/// A cgroup in column 45 of line 3.
std::string cgroup(const std::string& text) {
    return tunnel("interface: wg0, only: { cgroup: '" + text + "' }");
}

std::string interface(const std::string& text) {
    return tunnel("interface: " + text);
}

}  // namespace

TEST_CASE("the traps of YAML are errors where they stand", "[config][yaml]") {
    const auto mistake = GENERATE_COPY(values<Mistake>({
        {kOff + "mode: always\n", "3:1: key 'mode' is given twice, first on line 2"},
        {kOff + "lan: { allow: false, allow: false }\n",
         "3:22: key 'allow' is given twice, first on line 3"},
        {kOff + "---\nmode: always\n",
         "3:1: only one document is allowed in a file; here begins another"},
        {kOff + "---\n", "3:1: only one document is allowed in a file; here begins another"},
        {kOff + "lan:\n\tallow: false\n", "4:1: tabs are not allowed for indentation"},
        {kOff + "\t\n", "3:1: tabs are not allowed for indentation"},
        {kOff + "lan:\n  \tallow: false\n", "4:3: tabs are not allowed for indentation"},
        {kOff + "lan: &all\n  allow: false\n", "3:6: anchors are not supported"},
        {kOff + "<<: { boot: lock }\n", "3:1: merge keys are not supported"},
        {kOff + "ipv6: !!str block\n",
         "3:7: tags such as 'tag:yaml.org,2002:str' are not supported"},
        {kOff + "lan: { allow: \"false\" }\n",
         "3:15: lan.allow is text in quotes, not true or false"},
        {kOff + "lan: { allow: ! false }\n",
         "3:15: lan.allow is text in quotes, not true or false"},
        {kOff + "lan: { allow: yes }\n", "3:15: lan.allow 'yes' is not true or false"},
        {kOff + "lan: { allow: on }\n", "3:15: lan.allow 'on' is not true or false"},
        {kOff + "lan: { allow: no }\n", "3:15: lan.allow 'no' is not true or false"},
        {kOff + "lan: { allow: off }\n", "3:15: lan.allow 'off' is not true or false"},
        {kOff + "lan: { allow: False }\n", "3:15: lan.allow 'False' is not true or false"},
        {kOff + "lan: { allow: 0 }\n", "3:15: lan.allow '0' is not true or false"},
        {kOff + "lan: { allow: }\n", "3:8: lan.allow has no value"},
        {kOff + "lan: { allow: ~ }\n", "3:8: lan.allow has no value"},
        {kOff + "lan:\n\n\n", "3:1: lan has no value"},
        {kOff + "? [a]\n: b\n", "3:3: a key must be a single word"},
        {kOff + "? {a: b}\n: c\n", "3:3: a key must be a single word"},
        {kOff + "a: b: c\n", "3:5: not valid YAML: illegal map value"},
        {kOff + "lan: { allow: false\n", "4:1: not valid YAML: end of map flow not found"},
        {kOff + "lan: {}}\n", "3:8: not valid YAML: illegal flow end"},
        {"", "1:1: holds no settings"},
        {"# nothing\n---\n", "1:1: holds no settings"},
        {"off", "1:1: a config file must be a mapping, not a single value"},
        {"- mode: off\n", "1:1: a config file must be a mapping, not a list"},
    }));
    check_refused(mistake);
}

TEST_CASE("aliases are errors, whether their anchor exists or not", "[config][yaml]") {
    CHECK(findings_of(kOff + "lan: &all {}\nguests: *all\n") ==
          std::vector<std::string>{"3:6: anchors are not supported",
                                   "4:9: aliases are not supported"});

    const auto undefined = findings_of(kOff + "lan: *all\n");
    REQUIRE(undefined.size() == 1);
    CHECK(undefined[0].find("3:6: not valid YAML: the referenced anchor") == 0);
}

TEST_CASE("bytes that are no text are refused before YAML sees them", "[config][yaml]") {
    using namespace std::string_literals;
    const auto mistake = GENERATE_COPY(values<Mistake>({
        {kOff + "lan:\0 {}\n"s, "3:5: NUL byte: this is not a text file"},
        {"\xef\xbb\xbf" + kOff, "1:1: byte order mark (U+FEFF)"},
        {"\xff\xfe"s, "1:1: byte 0xff is not valid UTF-8"},
        {kOff + "# gr\xfc\xdf", "3:5: byte 0xfc is not valid UTF-8"},
        {kOff + "# \xc0\xaf", "3:3: byte 0xc0 is not valid UTF-8"},
        {kOff + "# \xed\xa0\x80", "3:3: byte 0xed is not valid UTF-8"},
        {kOff + "# \xf4\x90\x80\x80", "3:3: byte 0xf4 is not valid UTF-8"},
        {kOff + "# \xe2\x82", "3:3: byte 0xe2 is not valid UTF-8"},
        {"version: 1\rmode: off\r", "1:11: carriage return without a line feed"},
        {kOff + "# \x1b[2J", "3:3: invisible character U+001B"},
        {kOff + "# \x7f", "3:3: invisible character U+007F"},
        {kOff + "# \xc2\x85", "3:3: invisible character U+0085"},
        {kOff + "# \xe2\x80\xae", "3:3: invisible character U+202E"},
    }));
    check_refused(mistake);
}

TEST_CASE("unknown keys are errors in every mapping", "[config]") {
    const auto mistake = GENERATE_COPY(values<Mistake>({
        {kOff + "tunnel: []\n", "3:1: unknown key 'tunnel'; did you mean 'tunnels'?"},
        {kOff + "colour: red\n", "3:1: unknown key 'colour'"},
        {tunnel("interface: wg0, port: 1"), "3:29: unknown key 'port'"},
        {tunnel("interface: wg0, only: { mark: 1 }"),
         "3:37: unknown key 'mark'; did you mean 'fwmark'?"},
        {tunnel("interface: wg0, endpoints: [{ imprt: a }]"),
         "3:43: unknown key 'imprt'; did you mean 'import'?"},
        {kOff + "dns: { server: any }\n", "3:8: unknown key 'server'; did you mean 'servers'?"},
        {kOff + "lan: { Allow: false }\n", "3:8: unknown key 'Allow'; did you mean 'allow'?"},
        {kOff + "guests: { mode: block }\n", "3:11: unknown key 'mode'"},
        {kOff + "allow: { in: [] }\n", "3:10: unknown key 'in'"},
        {kOff + "apps: { user: [] }\n", "3:9: unknown key 'user'; did you mean 'users'?"},
        {kOff + "log: { block: false }\n", "3:8: unknown key 'block'; did you mean 'blocked'?"},
        {kOff + "control: { group: \"\" }\n", "3:12: unknown key 'group'"},
    }));
    check_refused(mistake);
}

TEST_CASE("values of the wrong form are errors", "[config]") {
    const auto mistake = GENERATE_COPY(values<Mistake>({
        {"mode: off\n", "1:1: 'version' is missing"},
        {"version: 1\n", "1:1: 'mode' is missing"},
        {"version: 2\nmode: off\n", "1:10: version '2' is not known to this killswitchd"},
        {"version: '1'\nmode: off\n", "1:10: version '1' is not known to this killswitchd"},
        {"version: 01\nmode: off\n", "1:10: version '01' is not known to this killswitchd"},
        {"version: 1.0\nmode: off\n", "1:10: version '1.0' is not known to this killswitchd"},
        {"version: [1]\nmode: off\n", "1:10: version must be a single value, not a list"},
        {"version: 1\nmode: alway\n", "2:7: unknown mode 'alway'; did you mean 'always'?"},
        {"version: 1\nmode: true\n", "2:7: unknown mode 'true'"},
        {"version: 1\nmode: always\n", "1:1: 'tunnels' is missing"},
        {"version: 1\nmode: always\ntunnels: []\n", "3:10: 'tunnels' is an empty list"},
        {"version: 1\nmode: always\ntunnels: {}\n", "3:10: tunnels must be a list, not a mapping"},
        {"version: 1\nmode: always\ntunnels:\n", "3:1: tunnels has no value"},
        {kOff + "boot: locked\n", "3:7: unknown boot 'locked'; did you mean 'lock'?"},
        {kOff + "ipv6: yes\n", "3:7: unknown ipv6 'yes'"},
        {kOff + "ownership: on\n", "3:12: unknown ownership 'on'"},
        {kOff + "tunnels: [wg0]\n", "3:11: a tunnel must be a mapping, not a single value"},
        {kOff + "tunnels: [[]]\n", "3:11: a tunnel must be a mapping, not a list"},
        {tunnel("name: a"), "3:11: tunnel has no 'interface'"},
        {tunnel("interface: wg0, name: ''"), "3:35: name '' is not 1 to 64 bytes long"},
        {tunnel("interface: wg0, name: \"a\\nb\""),
         "3:35: name 'a?b' has a '\"' or a control character, which no rule can carry"},
        {tunnel("interface: wg0, name: 'a\"b'"),
         "3:35: name 'a\"b' has a '\"' or a control character, which no rule can carry"},
        {tunnel("interface: wg0, name: ' a'"), "3:35: name ' a' begins or ends with a space"},
        {cgroup("a.slice/b\"c"),
         "3:45: cgroup 'a.slice/b\"c' has a '\"' or a control character, which no rule can carry"},
        {kOff + "allow: { outbound: [{ cgroup: '\"' }] }\n",
         "3:31: cgroup '\"' has a '\"' or a control character, which no rule can carry"},
        {interface("'wg\"0'"), "3:24: interface name 'wg\"0' has a character that is not allowed"},
        {kOff + "lan: { interfaces: ['a\"'] }\n",
         "3:21: interface name 'a\"' has a character that is not allowed"},
        {kOff + "guests: { interfaces: ['a\"'] }\n",
         "3:24: interface name 'a\"' has a character that is not allowed"},
        {kOff + "allow: { inbound: [{ interface: 'a\"' }] }\n",
         "3:33: interface name 'a\"' has a character that is not allowed"},
        {tunnel("interface: wg0, kind: WireGuard"),
         "3:35: unknown link kind 'WireGuard'; did you mean 'wireguard'?"},
        {tunnel("interface: wg0, kind: wiregaurd"),
         "3:35: unknown link kind 'wiregaurd'; did you mean 'wireguard'?"},
        {tunnel("interface: wg0, kind: openvpn"),
         "3:35: no link kind is called 'openvpn'; write 'tun'"},
        {tunnel("interface: wg0, kind: wireguard-go"),
         "3:35: no link kind is called 'wireguard-go'; write 'tun'"},
        {tunnel("interface: wg0, kind: dummy"), "3:35: unknown link kind 'dummy'"},
        {tunnel("interface: wg0, kind: ''"), "3:35: unknown link kind ''"},
        {tunnel("interface: wg0, only: []"), "3:35: only must be a mapping, not a list"},
        {tunnel("interface: wg0, only: { user: nobody-here }"),
         "3:43: user 'nobody-here' is not known here"},
        {tunnel("interface: wg0, only: { user: '' }"), "3:43: user '' is not known here"},
        {tunnel("interface: wg0, only: { user: -1 }"), "3:43: user '-1' is not known here"},
        {tunnel("interface: wg0, only: { user: 010 }"),
         "3:43: user '010' has a leading zero, which some programs read as octal"},
        {tunnel("interface: wg0, only: { group: 4294967295 }"),
         "3:44: group '4294967295' is larger than 4294967294"},
        {kOff + "dns: { servers: all }\n", "3:17: dns.servers 'all' is not 'any' or a list"},
        {kOff + "dns: { servers: {} }\n", "3:17: dns.servers must be a list, not a mapping"},
        {kOff + "dns: { servers: [] }\n", "3:17: dns.servers is an empty list"},
        {kOff + "dns: { servers: [dns.example] }\n", "3:18: 'dns.example' is not an IP address"},
        {kOff + "dns: { servers: [127.0.0.53] }\n", "3:18: '127.0.0.53' is a loopback address"},
        {kOff + "dns: { servers: [9.9.9.9, 9.9.9.9] }\n",
         "3:27: '9.9.9.9' is given twice in dns.servers"},
        {kOff + "lan: { networks: public }\n", "3:18: unknown lan.networks 'public'"},
        {kOff + "lan: { networks: [10.0.0.1/8] }\n",
         "3:19: '10.0.0.1/8' is not an address prefix, or has bits set behind it"},
        {kOff + "lan: { interfaces: eth0 }\n",
         "3:20: lan.interfaces must be a list, not a single value"},
        {kOff + "guests: { interfaces: [\"*\"] }\n",
         "3:24: interface '*' would match every interface"},
        {kOff + "log: { rate: 10 }\n",
         "3:14: '10' does not end in /second, /minute, /hour or /day"},
        {kOff + "log: { rate: 0/second }\n",
         "3:14: '0/second' does not begin with a number in 1..1000000"},
        {kOff + "control: { admin_group: wheel }\n", "3:25: group 'wheel' is not known here"},
        {kOff + "control: { read: everyone }\n", "3:18: unknown control.read 'everyone'"},
        {kOff + "control: { read: group wheel }\n", "3:18: group 'wheel' is not known here"},
        {kOff + "control: { read: 'group ' }\n", "3:18: group '' is not known here"},
    }));
    check_refused(mistake);
}

TEST_CASE("names that no interface can have, or all have, are errors", "[config]") {
    const auto mistake = GENERATE_COPY(values<Mistake>({
        {interface("''"), "3:24: interface name is empty"},
        {interface("'*'"), "3:24: interface '*' would match every interface"},
        {interface("lo"), "3:24: interface 'lo' is the loopback interface, which is always free"},
        {interface("'l*'"), "3:24: interface 'l*' is the loopback interface, which is always free"},
        {interface("."), "3:24: interface name '.' is not allowed by Linux"},
        {interface(".."), "3:24: interface name '..' is not allowed by Linux"},
        {interface("w*g"), "3:24: interface 'w*g': a '*' may only stand at the end"},
        {interface("wg**"), "3:24: interface 'wg**': a '*' may only stand at the end"},
        {interface("a/b"), "3:24: interface name 'a/b' has a character that is not allowed"},
        {interface("a:b"), "3:24: interface name 'a:b' has a character that is not allowed"},
        {interface("a b"), "3:24: interface name 'a b' has a character that is not allowed"},
        {interface("'a\"b'"), "3:24: interface name 'a\"b' has a character that is not allowed"},
        {interface("\"a\\tb\""), "3:24: interface name 'a b' has a character that is not allowed"},
        {interface("wg0123456789abcd"),
         "3:24: interface name 'wg0123456789abcd' is longer than 15 bytes"},
    }));
    check_refused(mistake);
}

TEST_CASE("the hint about an endpoint is the corrected line", "[config]") {
    const auto [text, hint] = GENERATE(table<std::string, std::string>({
        {"203.0.113.7:51820", "write 203.0.113.7:51820/udp or 203.0.113.7:51820/tcp"},
        {"203.0.113.7:51820/UDP", "write 203.0.113.7:51820/udp"},
        {"udp://203.0.113.7:1194", "write 203.0.113.7:1194/udp"},
        {"TCP://[2001:db8::7]:443", "write \"[2001:db8::7]:443/tcp\""},
        {"2001:db8::7:51820/udp", "write \"[2001:db8::7]:51820/udp\""},
        {"203.0.113.7:51820/wireguard", "write 203.0.113.7:51820/udp"},
        {"203.0.113.7/ipsec", "write 203.0.113.7/esp"},
        {"203.0.113.7/udp", "write 203.0.113.7:PORT/udp, with the server's port"},
        {"", "write ADDRESS:PORT/udp, ADDRESS:PORT/tcp"},
        {"203.0.113.7/24", "write 203.0.113.7:PORT/udp, with the server's port"},
        {"2001:db8::7/64", "write \"[2001:db8::7]:PORT/udp\", with the server's port"},
        {"wg0.conf", "write - import: /FOLDER/wg0.conf, with the folder that it is in"},
        {"127.0.0.1:51820", "write ADDRESS:PORT/udp, ADDRESS:PORT/tcp"},
    }));
    const LoadedConfig loaded = parse_text(endpoint(text));
    REQUIRE(loaded.diagnostics.size() == 1);
    CHECK(loaded.diagnostics[0].hint.starts_with(hint));
}

TEST_CASE("endpoints are an address, a port and a protocol, and nothing less", "[config]") {
    const auto mistake = GENERATE_COPY(values<Mistake>({
        {endpoint("203.0.113.7"), "3:41: endpoint '203.0.113.7' has no protocol"},
        {endpoint("203.0.113.7:51820"), "3:41: endpoint '203.0.113.7:51820' has no protocol"},
        {endpoint("203.0.113.7/udp"), "3:41: endpoint '203.0.113.7' has no port"},
        {endpoint("203.0.113.7:51820/sctp"),
         "3:41: endpoint protocol 'sctp' is not udp, tcp or esp"},
        {endpoint("203.0.113.7:51820/UDP"), "3:41: endpoint protocol 'UDP' is not udp, tcp or esp"},
        {endpoint("203.0.113.7:0/udp"), "3:41: port '0' is not in 1..65535"},
        {endpoint("203.0.113.7:70000/udp"), "3:41: port '70000' is not in 1..65535"},
        {endpoint("203.0.113.7:0644/udp"), "3:41: port '0644' has a leading zero"},
        {endpoint("203.0.113.7:0x50/udp"), "3:41: port '0x50' is not in 1..65535"},
        {endpoint("203.0.113.7:+80/udp"), "3:41: port '+80' is not in 1..65535"},
        {endpoint("203.0.113.7:/udp"), "3:41: port '' is not in 1..65535"},
        {endpoint("203.0.113.7:99999999999999999999/udp"),
         "3:41: port '99999999999999999999' is not in 1..65535"},
        {endpoint("203.0.113.07:80/udp"), "3:41: '203.0.113.07' is not an IP address"},
        {endpoint("203.0.113:80/udp"), "3:41: '203.0.113' is not an IP address"},
        {endpoint("2001:db8::7:51820/udp"),
         "3:41: endpoint '2001:db8::7:51820': an IPv6 address needs brackets before its port"},
        {endpoint("[2001:db8::7]/udp"),
         "3:41: endpoint '[2001:db8::7]' has no port behind the address"},
        {endpoint("[2001:db8::7:1/udp"), "3:41: endpoint '[2001:db8::7:1' has no ']'"},
        {endpoint("[203.0.113.7]:80/udp"),
         "3:41: endpoint '[203.0.113.7]:80/udp': an IPv4 address has no brackets"},
        {endpoint("[fe80::1%eth0]:80/udp"), "3:41: 'fe80::1%eth0' is not an IP address"},
        {endpoint("203.0.113.7:500/esp"),
         "3:41: endpoint '203.0.113.7:500' has a port, but esp has none"},
        {endpoint("203.0.113.0/24"), "3:41: endpoint '203.0.113.0/24' is a network, not a server"},
        {endpoint("203.0.113.7/24"), "3:41: endpoint '203.0.113.7/24' is a network, not a server"},
        {endpoint("wg0.conf"), "3:41: endpoint 'wg0.conf' is a file, not a server"},
        {endpoint("/etc/wireguard/wg0"),
         "3:41: endpoint '/etc/wireguard/wg0' is a file, not a server"},
        {endpoint("/esp"), "3:41: '' is not an IP address"},
        {endpoint(""), "3:41: endpoint '' has no protocol"},
        {endpoint("0.0.0.0:80/udp"), "3:41: '0.0.0.0' is the unspecified address"},
        {endpoint("127.0.0.1:80/udp"), "3:41: '127.0.0.1' is a loopback address"},
        {endpoint("239.1.1.1:80/udp"), "3:41: '239.1.1.1' is a multicast address"},
        {endpoint("255.255.255.255:80/udp"), "3:41: '255.255.255.255' is the broadcast address"},
        {endpoint("[::]:80/udp"), "3:41: '::' is the unspecified address"},
        {endpoint("[::1]:80/udp"), "3:41: '::1' is a loopback address"},
        {endpoint("[ff02::1]:80/udp"), "3:41: 'ff02::1' is a multicast address"},
        {endpoint("[::ffff:203.0.113.7]:80/udp"),
         "3:41: '::ffff:203.0.113.7' is an IPv4 address written as IPv6; write the IPv4 address"},
        {endpoint("192.0.2.1:80/udp', '192.0.2.1:80/udp"),
         "3:61: endpoint 192.0.2.1:80/udp is given twice, first on line 3"},
        {endpoint("[2001:db8::1]:80/udp', '[2001:db8:0::1]:80/udp"),
         "3:65: endpoint [2001:db8::1]:80/udp is given twice, first on line 3"},
        {tunnel("interface: wg0, endpoints: 192.0.2.1/esp"),
         "3:40: endpoints must be a list, not a single value"},
        {tunnel("interface: wg0, endpoints: [[192.0.2.1]]"),
         "3:41: an endpoint must be a single value, not a list"},
        {imported("wg0.conf"), "3:51: 'wg0.conf' is not a whole path"},
        {imported("''"), "3:51: '' is not a whole path"},
        {imported("/etc/wireguard/"), "3:51: '/etc/wireguard/' is not the path of a file"},
        {imported("[/a]"), "3:51: import must be a single value, not a list"},
        {imported("/a }, { import: /a"), "3:67: import /a is given twice, first on line 3"},
        {tunnel("interface: wg0, endpoints: [{}]"), "3:41: an endpoint is an empty mapping"},
    }));
    check_refused(mistake);
}

TEST_CASE("selectors that match nothing or everything are errors", "[config]") {
    const auto mistake = GENERATE_COPY(values<Mistake>({
        {mark("0"), "3:45: '0' is what unmarked packets carry"},
        {mark("0x0/0xff"),
         "3:45: '0x0/0xff': value and mask must not be 0, which unmarked packets match"},
        {mark("0x1/0x0"),
         "3:45: '0x1/0x0': value and mask must not be 0, which unmarked packets match"},
        {mark("0x100/0xff"),
         "3:45: '0x100/0xff' can never match: the value has bits outside the mask"},
        {mark("0x100000000"), "3:45: '0x100000000' is not a hexadecimal number of at most 32 bits"},
        {mark("0x"), "3:45: '0x' is not a hexadecimal number of at most 32 bits"},
        {mark("0x-1"), "3:45: '0x-1' is not a hexadecimal number of at most 32 bits"},
        {mark("4294967296"), "3:45: '4294967296' is larger than 4294967295"},
        {mark("010"), "3:45: '010' has a leading zero, which some programs read as octal"},
        {mark("-1"), "3:45: '-1' is not a decimal number"},
        {mark("1/"), "3:45: '' is not a decimal number"},
        {mark("ca6c"), "3:45: 'ca6c' is not a decimal number"},
        {cgroup("/system.slice"),
         "3:45: cgroup '/system.slice' begins with '/'; write it without the leading slash"},
        {cgroup("a/../b"), "3:45: cgroup 'a/../b' has '.' or '..' in it"},
        {cgroup("./a"), "3:45: cgroup './a' has '.' or '..' in it"},
        {cgroup("a//b"), "3:45: cgroup 'a//b' has an empty component"},
        {cgroup("a/"), "3:45: cgroup 'a/' has an empty component"},
        {cgroup(""), "3:45: cgroup '' has an empty component"},
    }));
    check_refused(mistake);
}

TEST_CASE("what has no device teaches nothing", "[config]") {
    check_refused({kOff + "tunnels:\n  - { name: office, ipsec: policy, endpoints: [auto] }\n",
                   "4:47: 'auto' learns from the device of a WireGuard tunnel, and IPsec by policy "
                   "has none"});
}

TEST_CASE("a server that moves is followed only where nobody else may follow", "[config]") {
    const auto roaming = [](const std::string& endpoints, const std::string& rest) {
        return kOff + "tunnels:\n  - { interface: wg0, endpoints: [" + endpoints +
               "], follow_roaming: true" + rest + " }\n";
    };
    check_refused({roaming("auto", ""),
                   "4:58: follow_roaming: true needs 'only' beside it: else the VPN's server could "
                   "open any address to every program"});
    check_refused({roaming("203.0.113.7:1/udp", ", only: { fwmark: 1 }"),
                   "4:71: follow_roaming: true has no effect without 'auto' among the endpoints"});
    check_refused({roaming("auto, auto", ", only: { fwmark: 1 }"),
                   "4:41: auto is given twice, first on line 4"});
    CHECK(parse_text(roaming("auto", ", only: { fwmark: 1 }")).ok());
}

TEST_CASE("every mistake of a file is reported at once, in its order", "[config]") {
    const LoadedConfig loaded = parse_text("mode: alway\n"
                                           "tunnels:\n"
                                           "  - interface: lo\n"
                                           "    endpoint: []\n"
                                           "    endpoints: [192.0.2.1:0/udp, 192.0.2.1:1/foo]\n"
                                           "  - interface: wg0\n"
                                           "  - { interface: wg0, name: wg0 }\n"
                                           "ipv6: maybe\n"
                                           "ipv6: block\n");

    CHECK(findings(loaded) ==
          std::vector<std::string>{
              "1:1: 'version' is missing",
              "1:7: unknown mode 'alway'; did you mean 'always'?",
              "3:16: interface 'lo' is the loopback interface, which is always free",
              "4:5: unknown key 'endpoint'; did you mean 'endpoints'?",
              "5:17: port '0' is not in 1..65535",
              "5:34: endpoint protocol 'foo' is not udp, tcp or esp",
              "6:5: warning: tunnel 'wg0' has no endpoint: it cannot connect while traffic is "
              "blocked",
              "7:5: warning: tunnel 'wg0' has no endpoint: it cannot connect while traffic is "
              "blocked",
              "7:18: interface 'wg0' is taken by the tunnel on line 6",
              "7:29: name 'wg0' is taken by the tunnel on line 6",
              "8:7: unknown ipv6 'maybe'",
              "9:1: key 'ipv6' is given twice, first on line 8",
          });
    CHECK(!loaded.ok());
}
