// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "config_support.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ports_file.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::testing;

namespace {

/// One tunnel with these keys besides; they begin in column 57 of line 3.
std::string with_keys(const std::string& keys) {
    return kOff + "tunnels: [{ interface: wg0, endpoints: [192.0.2.1/esp], " + keys +
           ", only: { fwmark: 1 } }]\n";
}

constexpr const char* kPath = "/run/provider/port";

}  // namespace

TEST_CASE("from the VPN's side enters what inbound says, by default answers", "[config][inbound]") {
    CHECK(check_accepted(with_keys("kind: tun")).tunnels[0].inbound == Inbound{});
    CHECK(check_accepted(with_keys("inbound: replies")).tunnels[0].inbound == Inbound{});
    const Tunnel some =
        check_accepted(with_keys("inbound: [51413/tcp, 6881-6889/udp], inbound_file: /run/p"))
            .tunnels[0];
    CHECK(some.inbound ==
          Inbound{false, {{{51413, 51413}, proto::kTcp}, {{6881, 6889}, proto::kUdp}}});
    CHECK(some.inbound_file == "/run/p");
}

TEST_CASE("mistakes in inbound are named where they stand", "[config][inbound]") {
    const auto [keys, finding] = GENERATE(table<std::string, std::string>({
        {"inbound: replys", "3:66: unknown inbound 'replys'; did you mean 'replies'?"},
        {"inbound: []", "3:66: ports is an empty list"},
        {"inbound: [51413]", "3:67: '51413' does not end in /tcp or /udp"},
        {"inbound: [5/tcp, 1-9/tcp]", "3:74: ports '1-9/tcp' overlap with '5/tcp'"},
        {"inbound_file: port", "3:71: 'port' is not a whole path"},
        {"inbound_file: /run/", "3:71: '/run/' is not the path of a file"},
        {"inbound: all",
         "3:66: warning: tunnel 'wg0': inbound: all: everybody in the VPN may connect to every "
         "service of this host"},
        {"inbound: all, inbound_file: /a",
         "3:85: warning: tunnel 'wg0': inbound_file has no effect with 'inbound: all'"},
    }));
    CHECK(findings_of(with_keys(keys)) == std::vector<std::string>{finding});
}

TEST_CASE("a file of ports that the service cannot read is a warning", "[config][inbound]") {
    const std::string path = std::string("/home") + "/me/port";
    CHECK(findings_of(with_keys("inbound_file: " + path)) ==
          std::vector<std::string>{"3:71: warning: inbound_file '" + path +
                                   "': the service of systemd cannot read files of users"});
}

TEST_CASE("tunnels by IPsec policy let in the same", "[config][inbound]") {
    const auto office = [](const std::string& name, const std::string& keys) {
        return fmt::format("  - {{ name: {}, ipsec: policy, endpoints: [192.0.2.1/esp], only: {{ "
                           "fwmark: 1 }}{} }}\n",
                           name, keys);
    };
    const std::string same = ", inbound: [22/tcp]";
    CHECK(findings_of(kOff + "tunnels:\n" + office("a", same) + office("b", same)).empty());
    CHECK(findings_of(kOff + "tunnels:\n" + office("a", "") + office("b", same)) ==
          std::vector<std::string>{"5:89: tunnel 'b': 'inbound' is not that of tunnel 'a', and "
                                   "nothing tells their packets apart"});
    CHECK(findings_of(kOff + "tunnels:\n" + office("a", same) + office("b", "")).size() == 1);
}

TEST_CASE("a file of ports has one a line", "[config][inbound]") {
    const PortsFile file =
        parse_ports_file(kPath, "# forwarded\n\n 9090/udp \r\n51413/tcp # main\n51413/tcp\n");
    CHECK(file.findings.empty());
    CHECK(file.ports ==
          std::vector<PortSpec>{{{9090, 9090}, proto::kUdp}, {{51413, 51413}, proto::kTcp}});
    CHECK(parse_ports_file(kPath, "").ports.empty());
    CHECK_FALSE(parse_ports_file(kPath, "").broken());
}

TEST_CASE("of a file of ports that is half written, or too long, nothing counts",
          "[config][inbound][fail-closed]") {
    std::string many;
    for (std::size_t i = 1; i <= kMaxFilePorts; ++i) {
        many += fmt::format("{}/tcp\n", i);
    }
    REQUIRE(parse_ports_file(kPath, many).ports.size() == kMaxFilePorts);
    const auto text = GENERATE_COPY(
        values<std::string>({"51413/tcp\n5141", "51413/t", "51413", "0/tcp\n", "70000/udp\n",
                             "51413/tcp 51414/tcp\n", "\xff\n", many + "9999/udp\n"}));
    CAPTURE(text);
    const PortsFile file = parse_ports_file(kPath, text);
    CHECK(file.broken());
    CHECK(file.ports.empty());
    REQUIRE(file.findings.size() == 1);
    CHECK(file.findings[0].file == kPath);
}

TEST_CASE("private destinations are allowed in a tunnel unless it refuses them",
          "[config][private]") {
    CHECK(check_accepted(with_keys("kind: tun")).tunnels[0].private_use == PrivateUse::allow);
    CHECK(check_accepted(with_keys("private: refuse")).tunnels[0].private_use ==
          PrivateUse::refuse);
    CHECK(findings_of(with_keys("private: false")) ==
          std::vector<std::string>{"3:66: unknown private 'false'"});
}

TEST_CASE("a tunnel goes through another one, and never in circles", "[config][via]") {
    const auto tunnels = [](const std::string& a, const std::string& b) {
        return kOff +
               "tunnels:\n  - { interface: wg0, endpoints: [192.0.2.1/esp], only: { fwmark: 1 }" +
               a + " }\n  - { interface: tun0, endpoints: [192.0.2.2/esp], only: { fwmark: 1 }" +
               b + " }\n";
    };
    CHECK(check_accepted(tunnels(", name: outer", ", via: outer")).tunnels[1].via == "outer");
    const auto [a, b, finding] = GENERATE(table<std::string, std::string, std::string>({
        {"", ", via: wg1", "5:78: unknown tunnel 'wg1'; did you mean 'wg0'?"},
        {"", ", via: tun0", "5:78: tunnel 'tun0' would go through itself"},
        {", via: tun0", ", via: nothing-alike", "5:78: unknown tunnel 'nothing-alike'"},
        {"", ", via: ''", "5:78: name '' is not 1 to 64 bytes long"},
    }));
    CHECK(findings_of(tunnels(a, b)) == std::vector<std::string>{finding});
    CHECK(findings_of(tunnels(", via: tun0", ", via: wg0")).size() == 2);
    CHECK(findings_of(kOff + "tunnels:\n  - { name: i, ipsec: policy, endpoints: [192.0.2.1/esp], "
                             "only: { fwmark: 1 } }\n"
                             "  - { interface: tun0, via: i, endpoints: [192.0.2.2/esp], only: { "
                             "fwmark: 1 } }\n") ==
          std::vector<std::string>{
              "5:29: via: nothing tells the packets of 'ipsec: policy' apart there"});
}
