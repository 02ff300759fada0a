// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/endpoints.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Small values that many tests begin with.
namespace ks::test {

inline IpAddress address(std::string_view text) {
    return IpAddress::parse(text).value();
}

inline Endpoint udp(std::string_view host, std::uint16_t port) {
    return {address(host), proto::kUdp, port};
}

/// One WireGuard tunnel wg0 with one endpoint behind a mark.
inline Policy wireguard_policy() {
    Policy policy;
    policy.mode = Mode::always;
    Tunnel home;
    home.name = "home";
    home.interface = "wg0";
    home.endpoints = {udp("203.0.113.7", 51820)};
    home.only.fwmark = MarkMatch{0xca6c};
    policy.tunnels = {home};
    return policy;
}

/// One tunnel by IPsec policy with the three endpoints of such a gateway.
inline Policy ipsec_policy() {
    Policy policy;
    policy.mode = Mode::always;
    Tunnel office;
    office.name = "office";
    office.ipsec = true;
    office.endpoints = {udp("203.0.113.9", 500),
                        udp("203.0.113.9", 4500),
                        {address("203.0.113.9"), proto::kEsp, 0}};
    policy.tunnels = {office};
    return policy;
}

/// With the endpoints of the config.
inline Situation situation_of(const Policy& policy, StateName state,
                              std::vector<std::string> tunnels_up = {}) {
    Situation situation{state, {}, {}};
    for (std::string& name : tunnels_up) {
        situation.tunnels_up.push_back({std::move(name), {}});
    }
    situation.endpoints = known_endpoints(policy);
    return situation;
}

inline LinkTable links_with(const std::string& name, const std::string& kind, bool up) {
    return {{1, {"lo", "", true, {}}}, {2, {"eth0", "", true, {}}}, {7, {name, kind, up, {}}}};
}

/// A packet of an application to the internet, by the given way out.
inline PacketView web_by(const std::string& out_interface) {
    PacketView packet;
    packet.hook = Hook::output;
    packet.out_interface = out_interface;
    packet.source = address("192.168.1.2");
    packet.destination = address("198.51.100.9");
    packet.protocol = proto::kTcp;
    packet.source_port = 40000;
    packet.destination_port = 443;
    packet.tcp_opening = true;
    return packet;
}

/// The same packet between IPv6 addresses.
inline PacketView v6(PacketView packet) {
    packet.source = address("2001:db8::2");
    packet.destination = address("2001:db8:1::9");
    return packet;
}

/// DHCPv6 as a client asks it.
inline PacketView dhcp6_request_by(const std::string& out_interface) {
    PacketView request = v6(web_by(out_interface));
    request.source = address("fe80::2");
    request.destination = address("ff02::1:2");
    request.protocol = proto::kUdp;
    request.source_port = 546;
    request.destination_port = 547;
    return request;
}

inline bool accepted(const Ruleset& ruleset, const PacketView& packet) {
    return follow(ruleset, packet).verdict == Verdict::accept;
}

}  // namespace ks::test
