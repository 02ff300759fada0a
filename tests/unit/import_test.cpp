// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "import_samples.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/vpn_file.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::testing;

namespace {

using Lines = std::vector<std::string>;

VpnFile read(const Sample& sample) {
    return parse_vpn_file(sample.path, sample.text);
}

VpnFile read(const std::string& name, const std::string& text) {
    return parse_vpn_file(name, text);
}

/// "LINE: ENDPOINT" of each server.
Lines servers(const VpnFile& file) {
    Lines all;
    for (const VpnFile::Server& server : file.servers) {
        all.push_back(fmt::format("{}: {}", server.line, server.endpoint.str()));
    }
    return all;
}

/// "LINE:COL: message" of each finding, with "warning: " before the message of a warning.
Lines findings(const VpnFile& file) {
    Lines all;
    for (const Diagnostic& d : file.findings) {
        all.push_back(
            fmt::format("{}:{}: {}{}", d.line, d.column,
                        d.severity == Diagnostic::Severity::error ? "" : "warning: ", d.message));
    }
    return all;
}

std::optional<std::string> mark(const VpnFile& file) {
    return file.mark ? std::optional(fmt::format("{}: 0x{:x} by {}", file.mark->line,
                                                 file.mark->value, file.mark->by))
                     : std::nullopt;
}

std::string wg_quick(const std::string& interface, const std::string& allowed) {
    return fmt::format("[Interface]\nAddress = 10.2.0.2/32\n{}[Peer]\nAllowedIPs = {}\n"
                       "Endpoint = 203.0.113.7:51820\n",
                       interface, allowed);
}

}  // namespace

TEST_CASE("a WireGuard file names its peers, and its mark", "[import]") {
    const VpnFile file = read(kWgQuick);
    CHECK(file.program == VpnProgram::wireguard);
    CHECK(servers(file) == Lines{"11: 203.0.113.7:51820/udp", "17: [2001:db8::7]:443/udp"});
    CHECK(mark(file) == "10: 0xca6c by wg-quick");
    CHECK(file.interface == "wg0");
    CHECK(findings(file).empty());

    const VpnFile plain = read(kWgPlain);
    CHECK(servers(plain) == Lines{"9: 203.0.113.7:51820/udp"});
    CHECK(mark(plain) == "4: 0x1234 by FwMark");
}

TEST_CASE("wg-quick marks only where it routes everything by a table of its own", "[import]") {
    CHECK(mark(read("w.conf", wg_quick("", "0.0.0.0/0"))) == "4: 0xca6c by wg-quick");
    CHECK(mark(read("w.conf", wg_quick("", "::/0"))) == "4: 0xca6c by wg-quick");
    CHECK(mark(read("w.conf", wg_quick("Table = auto\n", "10.0.0.0/8,::/0"))));
    CHECK(mark(read("w.conf", wg_quick("FwMark = off\n", "0.0.0.0/0"))));
    CHECK(mark(read("w.conf", wg_quick("FwMark = 51000\n", "10.0.0.0/8"))) ==
          "3: 0xc738 by FwMark");
    CHECK_FALSE(mark(read("w.conf", wg_quick("", "0.0.0.0/1, 128.0.0.0/1"))));
    CHECK_FALSE(mark(read("w.conf", wg_quick("Table = off\n", "0.0.0.0/0"))));
    CHECK_FALSE(mark(read("w.conf", wg_quick("Table = 123\n", "0.0.0.0/0"))));
    // Nobody sets a mark for `wg setconf`.
    CHECK_FALSE(mark(read("w.conf", "[Peer]\nAllowedIPs = 0.0.0.0/0\n")));
}

TEST_CASE("an OpenVPN file names each remote with its port and protocol", "[import]") {
    const VpnFile file = read(kOpenVpn);
    CHECK(file.program == VpnProgram::openvpn);
    CHECK(servers(file) ==
          Lines{"5: 203.0.113.20:1194/udp", "6: 203.0.113.21:443/tcp", "7: 203.0.113.22:1195/udp"});
    CHECK(mark(file) == "9: 0x1234 by mark");
    CHECK(file.interface == "tun3");
    CHECK(findings(file).empty());
}

TEST_CASE("what OpenVPN says globally counts wherever it stands, but for blocks that came before",
          "[import]") {
    CHECK(servers(read("o.ovpn", "remote 203.0.113.1\nport 5000\nproto tcp\n")) ==
          Lines{"1: 203.0.113.1:5000/tcp"});
    CHECK(servers(read("o.ovpn", "remote 2001:db8::1 443 tcp6-client\n")) ==
          Lines{"1: [2001:db8::1]:443/tcp"});
    CHECK(servers(read("o.ovpn", "<connection>\nremote 203.0.113.1\n</connection>\nport 5000\n")) ==
          Lines{"2: 203.0.113.1:1194/udp"});
    CHECK(servers(read("o.ovpn", "\t--remote\t203.0.113.1 # here\r\n")) ==
          Lines{"1: 203.0.113.1:1194/udp"});
    CHECK(servers(read("o.ovpn", "#remote 203.0.113.1\n;remote 203.0.113.2\n")).empty());
}

TEST_CASE("connection blocks of OpenVPN stand alone, and a proxy is the endpoint", "[import]") {
    const VpnFile file = read(kOpenVpnBlocks);
    CHECK(servers(file) == Lines{"7: 203.0.113.20:1300/tcp", "10: 203.0.113.21:1194/udp",
                                 "14: 198.51.100.8:3128/tcp", "18: 198.51.100.9:1080/tcp"});
    CHECK(file.interface.empty());
    CHECK(findings(file).empty());
    CHECK(findings(read("o.ovpn", "remote 203.0.113.1\nsocks-proxy 198.51.100.9 1081\n")) ==
          Lines{"2:13: warning: the proxy chooses the port to which UDP goes"});
}

TEST_CASE("keyfiles of NetworkManager", "[import]") {
    const VpnFile wireguard = read(kKeyfileWireguard);
    CHECK(wireguard.program == VpnProgram::network_manager);
    CHECK(servers(wireguard) ==
          Lines{"12: 203.0.113.30:51820/udp", "16: [2001:db8::30]:51820/udp"});
    CHECK(mark(wireguard) == "8: 0xca6d by fwmark");
    CHECK(wireguard.interface == "nl-free");

    CHECK(servers(read(kKeyfileOpenVpn)) ==
          Lines{"10: 203.0.113.40:1300/tcp", "10: 203.0.113.41:443/tcp",
                "10: 203.0.113.42:1194/udp", "10: [2001:db8::40]:1194/udp"});
    CHECK(servers(read(kKeyfileStrongswan)) ==
          Lines{"5: 203.0.113.50:500/udp", "5: 203.0.113.50:4500/udp", "5: 203.0.113.50/esp"});
    CHECK(servers(read(kKeyfileOpenconnect)) ==
          Lines{"5: 203.0.113.60:8443/tcp", "5: 203.0.113.60:8443/udp"});
    CHECK(findings(read("x", "[connection]\ntype=vpn\n[vpn]\n"
                             "service-type=org.freedesktop.NetworkManager.fortisslvpn\n")) ==
          Lines{"4:14: warning: VPNs of type 'fortisslvpn' are not understood"});
}

TEST_CASE("connections of strongSwan", "[import]") {
    const VpnFile file = read(kSwanctl);
    CHECK(findings(file).empty());
    CHECK(file.program == VpnProgram::swanctl);
    CHECK(servers(file) == Lines{"5: 203.0.113.70:500/udp", "5: 203.0.113.70:4500/udp",
                                 "5: 203.0.113.70/esp", "5: 203.0.113.71:500/udp",
                                 "5: 203.0.113.71:4500/udp", "5: 203.0.113.71/esp",
                                 "14: 203.0.113.72:4501/udp", "14: 203.0.113.72/esp"});

    const VpnFile old = read(kIpsecConf);
    CHECK(findings(old).empty());
    CHECK(old.program == VpnProgram::ipsec);
    CHECK(servers(old) ==
          Lines{"9: 203.0.113.80:500/udp", "9: 203.0.113.80:4500/udp", "9: 203.0.113.80/esp"});
}

TEST_CASE("a name is a server that is to be looked up, and the others count", "[import]") {
    const VpnFile file = read("w.conf", "[Peer]\nEndpoint = VPN.Example.com.:51820\n"
                                        "[Peer]\nEndpoint=192.0.2.1:1\n"
                                        "[Peer]\nEndpoint = vpn.example.com:51820\n");
    CHECK(servers(file) == Lines{"4: 192.0.2.1:1/udp"});
    CHECK(file.findings.empty());
    REQUIRE(file.names.size() == 1);
    CHECK(file.names[0].endpoint.str() == "vpn.example.com:51820/udp");
    CHECK(render(file.names[0].unknown) ==
          "w.conf:2:12: warning: 'VPN.Example.com.' is a name: this server cannot be reached while "
          "traffic is blocked\n"
          "  Endpoint = VPN.Example.com.:51820\n"
          "             ^\n"
          "  hint: have it looked up, dns: { bootstrap: [9.9.9.9] }, or add its address to the "
          "tunnel's 'endpoints': ADDRESS:51820/udp\n");
    CHECK(read("s", "connections {\n a { remote_addrs = vpn.example.com } }\n").names.size() == 3);
}

TEST_CASE("a name that no DNS has is a warning, and no server", "[import]") {
    const VpnFile file = read("w.conf", "[Peer]\nEndpoint = vpn:51820\n");
    CHECK(file.names.empty());
    CHECK(findings(file).size() == 1);
    CHECK_FALSE(file.broken());
}

TEST_CASE("a file with an error names no server at all", "[import]") {
    const auto [text, finding] = GENERATE(table<std::string, std::string>({
        {"[Peer]\nEndpoint = 203.0.113.7\n", "2:12: endpoint '203.0.113.7' has no port"},
        {"[Peer]\nEndpoint = 203.0.113.7:0\n", "2:24: port '0' is not in 1..65535"},
        {"[Peer]\nEndpoint = 203.0.113.700:1\n", "2:12: '203.0.113.700' is not an IP address"},
        {"[Peer]\nEndpoint = 127.0.0.1:1\n", "2:12: '127.0.0.1' is a loopback address"},
        {"[Peer]\nEndpoint = :51820\n", "2:12: '' is not an IP address"},
        {"[Interface]\nFwMark = blue\n",
         "2:10: 'blue' is no mark, which is a number of at most 32 bits"},
        {"client\nremote 203.0.113.7 http\n", "2:20: port 'http' is not in 1..65535"},
        {"client\nremote 203.0.113.7 1 sctp\n", "2:22: protocol 'sctp' is not udp or tcp"},
        {"client\n<ca>\nremote 203.0.113.7\n", "3:1: <ca> has no end"},
        {"client\n<connection>\nremote 203.0.113.7\n", "3:1: <connection> has no end"},
        {"client\nhttp-proxy 203.0.113.7\n", "2:1: http-proxy has no port"},
        {"connections {\n a {\n  remote_addrs = 203.0.113.7\n }\n", "1:1: the section has no end"},
        {"connections {\n}\n}\n", "3:1: there is nothing that ends here"},
        {"connections {\n remote_ad\n}\n", "2:2: neither a section nor a setting"},
        {"connections {\n a = \"b\n", "2:2: the quoted value has no end"},
        {std::string("[Peer]\nEndpoint = 203.0.113.7:1\n\0", 33),
         "3:1: NUL byte: this is not a text file"},
        {"", "0:0: holds no settings"},
        {"# nothing\n", "0:0: holds no settings"},
    }));
    CAPTURE(text);
    const std::string good = "[Peer]\nEndpoint = 192.0.2.1:1\n";
    const VpnFile file = read("f.conf", text.starts_with('[') ? text + good : text);
    const Lines found = findings(file);
    CHECK(std::ranges::find(found, finding) != found.end());
    CHECK(file.broken());
    CHECK(file.servers.empty());
}

TEST_CASE("a secret is not shown below a mistake", "[import]") {
    const std::string text = "secrets { a { secret = \"hush\n";
    for (const Diagnostic& finding : read("swanctl.conf", text).findings) {
        CHECK(render(finding).find("hush") == std::string::npos);
    }
    CHECK(read("swanctl.conf", text).broken());
}

TEST_CASE("a file may name 10000 servers, each once", "[import]") {
    std::string text;
    for (std::size_t i = 0; i < kMaxVpnServers; ++i) {
        text += fmt::format("remote 203.0.{}.{} 1194\n", i / 250, 1 + i % 250);
    }
    text += "remote 203.0.0.1 1194\n";
    CHECK(read("o.ovpn", text).servers.size() == kMaxVpnServers);
    text += "remote 203.1.0.1 1194\n";
    CHECK(findings(read("o.ovpn", text)) == Lines{"10002:8: more than 10000 servers in one file"});
}

TEST_CASE("a line that no program writes is refused", "[import]") {
    CHECK(findings(read("w.conf", "[Peer]\nAllowedIPs = " + std::string(70'000, '1') + "\n")) ==
          Lines{"2:1: the line is longer than 64 KiB"});
}
