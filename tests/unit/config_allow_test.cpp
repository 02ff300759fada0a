// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_support.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/policy.hpp"

#include <cstddef>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::testing;

namespace {

/// An exception in column 22 (outbound) or 21 (inbound) of line 3.
std::string outbound(const std::string& keys) {
    return "allow: { outbound: [ { " + keys + " } ] }";
}
std::string inbound(const std::string& keys) {
    return "allow: { inbound: [ { " + keys + " } ] }";
}

std::string numbered(std::size_t count, const char* format) {
    std::string text;
    for (std::size_t i = 1; i <= count; ++i) {
        text += fmt::format(fmt::runtime(format), i);
    }
    return text;
}

}  // namespace

TEST_CASE("ports are a number or a range, and a protocol", "[config][allow]") {
    const Policy policy = check_accepted(
        kOff + outbound("to: 192.0.2.1, ports: [443/tcp, 53/udp, 443/udp, 5000-5010/udp]") + "\n");

    CHECK(policy.outbound.at(0).ports == std::vector<PortSpec>{{{443, 443}, proto::kTcp},
                                                               {{53, 53}, proto::kUdp},
                                                               {{443, 443}, proto::kUdp},
                                                               {{5000, 5010}, proto::kUdp}});
}

TEST_CASE("mistakes in exceptions are errors", "[config][allow]") {
    check_section(GENERATE(values<Mistake>({
        {outbound(""), "3:22: an exception needs at least one condition"},
        {inbound(""), "3:21: an exception needs at least one condition"},
        {"allow: { outbound: [443/tcp] }",
         "3:21: an exception must be a mapping, not a single value"},
        {outbound("to: here"), "3:28: 'here' is not an address prefix, or has bits set behind it"},
        {outbound("to: 127.0.0.1"), "3:28: '127.0.0.1' is a loopback address"},
        {outbound("to: '::ffff:9.9.9.9'"),
         "3:28: '::ffff:9.9.9.9' is an IPv4 address written as IPv6; write the IPv4 address"},
        {outbound("from: 192.0.2.1"), "3:24: unknown key 'from'"},
        {inbound("to: 192.0.2.1"), "3:23: unknown key 'to'"},
        {inbound("from: 224.0.0.1"), "3:29: '224.0.0.1' is a multicast address"},
        {outbound("to: 192.0.2.1, ports: []"), "3:46: ports is an empty list"},
        {outbound("to: 192.0.2.1, ports: 443/tcp"),
         "3:46: ports must be a list, not a single value"},
        {outbound("ports: [443], user: 1"), "3:32: '443' does not end in /tcp or /udp"},
        {outbound("ports: [0/tcp], user: 1"), "3:32: port '0' is not in 1..65535"},
        {outbound("ports: [10-/tcp], user: 1"), "3:32: port '' is not in 1..65535"},
        {outbound("ports: [1-2-3/tcp], user: 1"), "3:32: port '2-3' is not in 1..65535"},
        {outbound("ports: [1-65536/tcp], user: 1"), "3:32: port '65536' is not in 1..65535"},
        {outbound("ports: [20-10/tcp], user: 1"),
         "3:32: '20-10/tcp': the range ends before it begins"},
        {outbound("ports: [443/tcp, 443/tcp], user: 1"), "3:41: '443/tcp' is given twice in ports"},
        {outbound("ports: [1-9/udp, 5/tcp, 9-11/udp], user: 1"),
         "3:48: ports '9-11/udp' overlap with '1-9/udp'"},
        {outbound("user: nobody-here"), "3:30: user 'nobody-here' is not known here"},
        {outbound("cgroup: /a"),
         "3:32: cgroup '/a' begins with '/'; write it without the leading slash"},
        {outbound("to: 192.0.2.1, interface: '*'"),
         "3:50: interface '*' would match every interface"},
        {inbound("from: 192.0.2.1, user: openvpn"),
         "3:46: user cannot be known for a packet that arrives"},
        {inbound("group: admins"), "3:30: group cannot be known for a packet that arrives"},
        {inbound("cgroup: a"), "3:31: cgroup cannot be known for a packet that arrives"},
    })));
}

TEST_CASE("those who mistype an inbound key are not sent to one that is refused",
          "[config][allow]") {
    const LoadedConfig loaded = parse_text(kOff + inbound("form: 192.0.2.1") + "\n");

    REQUIRE(loaded.diagnostics.size() == 1);
    CHECK(loaded.diagnostics[0].hint == "accepted: from, ports, interface");
}

TEST_CASE("exceptions that are wider than they look are warnings", "[config][allow]") {
    const auto [text, finding] = GENERATE(table<std::string, std::string>({
        {outbound("interface: eth1"),
         "3:22: warning: exception lets every program reach every address through 'eth1', outside "
         "the tunnel"},
        {outbound("ports: [443/tcp]"),
         "3:22: warning: exception lets every program reach every address on its ports, outside "
         "the tunnel"},
        {outbound("to: 0.0.0.0/0, user: openvpn"),
         "3:22: warning: exception reaches 0.0.0.0/0, every address, outside the tunnel"},
        {outbound("to: '::/0'"),
         "3:22: warning: exception reaches ::/0, every address, outside the tunnel"},
        {outbound("to: 128.0.0.0/1"),
         "3:22: warning: exception reaches 128.0.0.0/1, a large part of all addresses, outside "
         "the tunnel"},
        {outbound("to: '2000::/3'"),
         "3:22: warning: exception reaches 2000::/3, a large part of all addresses, outside the "
         "tunnel"},
        {inbound("interface: eth1"),
         "3:21: warning: exception lets every address reach every port of this host through "
         "'eth1'"},
        {inbound("from: 0.0.0.0/0"),
         "3:21: warning: exception lets 0.0.0.0/0, every address reach every port of this host"},
    }));
    const LoadedConfig loaded = parse_text(kOff + text + "\n");

    CHECK(findings(loaded) == std::vector<std::string>{finding});
    CHECK(loaded.ok());
}

TEST_CASE("narrow exceptions are accepted without a word", "[config][allow]") {
    const std::string text =
        GENERATE(as<std::string>{}, outbound("to: 192.0.2.0/24"),
                 outbound("to: 224.0.0.251, ports: [5353/udp]"), outbound("user: openvpn"),
                 outbound("cgroup: a/b, interface: eth0"), outbound("group: 7, ports: [123/udp]"),
                 inbound("from: 192.0.2.1"), inbound("ports: [22/tcp]"),
                 inbound("interface: eth0, ports: [22/tcp]"));

    check_accepted(kOff + text + "\n");
}

TEST_CASE("there are at most 64 exceptions of 32 ports each", "[config][allow][limits]") {
    const auto entries = [](std::size_t count) {
        return kOff + "allow:\n  inbound:\n" + numbered(count, "    - {{ from: 10.0.0.{} }}\n");
    };
    const auto ports = [](std::size_t count) {
        return kOff + outbound("user: 1, ports: [" + numbered(count, "{}/tcp, ") + "]") + "\n";
    };

    CHECK(parse_text(entries(64)).ok());
    CHECK(findings_of(entries(65)) ==
          std::vector<std::string>{"69:7: allow.inbound has more than 64 items"});
    CHECK(parse_text(ports(32)).ok());
    CHECK(!parse_text(ports(33)).ok());
}
