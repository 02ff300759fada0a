// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "config_support.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/net.hpp"

#include <string>
#include <vector>

using namespace ks;
using namespace ks::testing;

namespace {

const std::string kAsk = "dns: { bootstrap: [9.9.9.9], user: 991 }\n";

std::string named(const std::string& endpoint) {
    return "version: 1\nmode: always\ntunnels:\n  - interface: wg0\n    kind: wireguard\n"
           "    endpoints: [" +
           endpoint + "]\n    only: { fwmark: 0xca6c }\n";
}

}  // namespace

TEST_CASE("an endpoint may be a name, where somebody is to be asked", "[config][names]") {
    const Policy policy = check_accepted(
        named("VPN.example.net:51820/udp, gate.example.org/esp, 203.0.113.7:51820/udp") + kAsk);
    const Tunnel& tunnel = policy.tunnels.front();
    CHECK(tunnel.names == std::vector<NamedEndpoint>{{"vpn.example.net", proto::kUdp, 51820},
                                                     {"gate.example.org", proto::kEsp, 0}});
    CHECK(tunnel.endpoints.size() == 1);
    CHECK(policy.bootstrap.user == 991U);
    CHECK_FALSE(policy.bootstrap.hosts);
    CHECK(check_accepted(config_text(policy)) == policy);
}

TEST_CASE("names without anybody to ask, or that are none, are refused in their place",
          "[config][names]") {
    const auto mistake = GENERATE_COPY(values<Mistake>({
        {named("vpn.example.net:1/udp"),
         "6:17: endpoint 'vpn.example.net:1/udp' is a name, and 'dns.bootstrap' says nobody to ask "
         "for it"},
        {named("vpn.example.net:1/udp") + "dns: { bootstrap: [] }\n",
         "6:17: endpoint 'vpn.example.net:1/udp' is a name, and 'dns.bootstrap' says nobody to ask "
         "for it"},
        {named("vpn:1/udp") + kAsk,
         "6:17: host name 'vpn' has no dot, so it means another host in each network"},
        {named("a..net:1/udp") + kAsk, "6:17: 'a..net' is not a host name"},
        {named("'[vpn.example.net]:1/udp'") + kAsk,
         "6:17: endpoint '[vpn.example.net]:1/udp': a host name has no brackets"},
        {named("a.net:1/udp, a.net:1/udp") + kAsk,
         "6:30: endpoint a.net:1/udp is given twice, first on line 6"},
        {kOff + "dns: { bootstrap: [one] }\n", "3:20: 'one' is not an IP address"},
        {kOff + "dns: { bootstrap: [127.0.0.1], user: 991 }\n",
         "3:20: '127.0.0.1' is a loopback address"},
        {kOff + "dns: { bootstrap: [9.9.9.9], user: 0 }\n",
         "3:36: dns.user is root, who sends much else"},
        {kOff + "dns: { bootstrap: [9.9.9.9], user: nobody-here }\n",
         "3:36: user 'nobody-here' is not known here"},
        {kOff + "dns: { bootstrap: [9.9.9.9] }\n",
         "3:19: there is no user 'killswitchd-resolver', who would ask them"},
        {kOff + "dns: { hosts: yes }\n", "3:15: dns.hosts 'yes' is not true or false"},
    }));
    check_refused(mistake);
}

TEST_CASE("a resolver in the local network is a warning", "[config][names]") {
    CHECK(
        findings_of(named("vpn.example.net:1/udp") +
                    "dns: { bootstrap: [192.168.1.1], user: 991 }\n") ==
        std::vector<std::string>{
            "8:20: warning: dns.bootstrap: '192.168.1.1' is in the local network: whoever answers "
            "there chooses where the VPN's packets go, and sees which VPN it is"});
}
