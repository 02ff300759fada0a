// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/policy.hpp"
#include "support/drill_report.hpp"
#include "support/programs.hpp"
#include "support/wireguard.hpp"

using namespace ks;

TEST_CASE("wireguard-go leaks nothing in any drill, and works again after each", "[wireguard]") {
    test::require_programs({"wireguard-go", "wg", "nft"});

    test::play_all("wireguard-go", test::demo_policy(), [] { return test::wireguard_go(); });
}

TEST_CASE("wireguard-go leaks nothing over IPv6 and with IPv6 in the tunnel", "[wireguard][long]") {
    test::require_programs({"wireguard-go", "wg", "nft"});
    if (!test::long_run()) {
        return;
    }
    Policy policy = test::demo_policy();
    policy.ipv6 = Ipv6::tunnel;
    policy.tunnels.front().endpoints = {{lab::ip("2001:db8:9::7"), proto::kUdp, 51820},
                                        {lab::ip("203.0.113.7"), proto::kUdp, 51820}};

    test::play_all("wireguard-go ipv6", policy, [] { return test::wireguard_go(); });
}
