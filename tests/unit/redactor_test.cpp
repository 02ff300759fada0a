// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/redactor.hpp"

#include <string>
#include <utility>

using ks::Redactor;

TEST_CASE("addresses get stand-ins that tell as much as is needed", "[redactor]") {
    const auto [text, masked] = GENERATE(table<std::string, std::string>({
        {"203.0.113.7", "ip4-1"},
        {"203.0.113.7:51820/udp", "ip4-1:51820/udp"},
        {"[2001:db8::7]:443/tcp", "[ip6-1]:443/tcp"},
        {"192.168.1.0/24 on eth0", "private4-1/24 on eth0"},
        {"fe80::1%eth0 and fd00::1", "private6-1%eth0 and private6-2"},
        {"::ffff:203.0.113.7", "ip6-1"},
        {"aa:bb:cc:dd:ee:0f", "mac-1"},
        {"to 203.0.113.7, from 203.0.113.8.", "to ip4-1, from ip4-2."},
        {"203.0.113.7: refused", "ip4-1: refused"},
        {"203.0.113.7-203.0.113.9", "ip4-1-ip4-2"},
        {"vpn.example.net:1194/udp", "host-1:1194/udp"},
        {"admin@vpn.example.net", "admin@host-1"},
        {"203.0.113.7 @th,192,32 0xcb007107 mark 0x0000ca6c",
         "ip4-1 @th,192,32 ip4-1 mark 0x0000ca6c"},
        {"2001:db8::7 0x20010db8000000000000000000000007", "ip6-1 ip6-1"},
    }));
    CAPTURE(text);
    CHECK(Redactor()(text) == masked);
}

TEST_CASE("what tells nothing about anybody stays", "[redactor]") {
    const std::string text =
        GENERATE("0.0.0.0/0", "127.0.0.1", "10.0.0.0/8", "100.64.0.0/10", "fc00::", "224.0.0.251",
                 "255.255.255.255", "::1", "ff02::1", "14:31:07", "2026-11-30T15:38:49.123Z",
                 "/etc/killswitchd/killswitchd.yaml:7:9: error", "1.2.3", "wg-quick@wg0.service",
                 "killswitchd.yaml", "0xca6c", "tcp dport { 22, 80-90 }", "version 6.18.44",
                 "dead:beef", "a.b", "");
    CAPTURE(text);
    CHECK(Redactor()(text) == text);
}

TEST_CASE("the same is masked the same way throughout, whatever is around it", "[redactor]") {
    Redactor redact;
    redact.hide("acme-corp", "tunnel");
    redact.hide("acme", "interface");
    redact.hide("acme", "user");
    redact.hide("", "user");

    CHECK(redact("acme-corp: 203.0.113.7") == "tunnel-1: ip4-1");
    CHECK(redact("/etc/openvpn/acme-corp.conf, unit wg-quick@acme.service") ==
          "/etc/openvpn/tunnel-1.conf, unit wg-quick@interface-1.service");
    CHECK(redact("acmes 203.0.113.8 203.0.113.7") == "acmes ip4-2 ip4-1");
}
