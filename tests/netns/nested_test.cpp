// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/drills/drills.hpp"
#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/drill_report.hpp"
#include "support/nest.hpp"
#include "support/openvpn.hpp"
#include "support/programs.hpp"
#include "support/wireguard.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

using namespace ks;
using namespace ks::test;

namespace {

Tunnel tunnel(const std::string& interface, std::initializer_list<const char*> servers,
              std::uint16_t port, std::uint32_t mark) {
    Tunnel made;
    made.name = interface;
    made.interface = interface;
    for (const char* const server : servers) {
        made.endpoints.push_back({lab::ip(server), proto::kUdp, port});
    }
    made.only.fwmark = MarkMatch{mark};
    return made;
}

/// The inner one stands first: drills speak of it.
Policy nested_policy(bool openvpn_inside) {
    const Tunnel openvpn = tunnel("tun0", {"203.0.113.20", "203.0.113.21"}, 1194, 4660);
    const Tunnel wireguard = tunnel("wg0", {"203.0.113.7", "203.0.113.8"}, 51820, 0xca6c);
    Policy policy = demo_policy();
    policy.tunnels =
        openvpn_inside ? std::vector{openvpn, wireguard} : std::vector{wireguard, openvpn};
    policy.tunnels[0].via = policy.tunnels[1].name;
    return policy;
}

drills::MakeVpn vpn(const Policy& policy, bool openvpn_inside, Victim victim) {
    constexpr Nest kInside{Nest::Role::inside, 0};
    constexpr Nest kAround{Nest::Role::around, 2};
    return [=] {
        auto openvpn = test::openvpn(TunDevice::reopened, {}, openvpn_inside ? kInside : kAround)();
        auto wireguard = wireguard_go({}, openvpn_inside ? kAround : kInside);
        return openvpn_inside
                   ? nested(std::move(openvpn), std::move(wireguard), policy.tunnels[1], victim)
                   : nested(std::move(wireguard), std::move(openvpn), policy.tunnels[1], victim);
    };
}

const drills::Drill& drill(const std::string& name) {
    return *std::ranges::find(drills::all(), name, &drills::Drill::name);
}

}  // namespace

TEST_CASE("a tunnel in a tunnel leaks nothing when either of them drops", "[nested]") {
    require_programs({"openvpn", "openssl", "wireguard-go", "wg", "nft"});
    const bool openvpn_inside = GENERATE(true, false);
    const Policy policy = nested_policy(openvpn_inside);
    const std::string title = openvpn_inside ? "OpenVPN inside wireguard-go" : "the reverse";

    play_one(title + ", the inner one", drill("killed"), policy,
             vpn(policy, openvpn_inside, Victim::inner));
    play_one(title + ", the outer one", drill("killed"), policy,
             vpn(policy, openvpn_inside, Victim::outer));
    play_one(title, drill("switch"), policy, vpn(policy, openvpn_inside, Victim::inner));
}
