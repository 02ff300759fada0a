// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "drills/adapt.hpp"
#include "policies.hpp"

#include <string>
#include <vector>

using namespace ks;

TEST_CASE("tunnels by IPsec policy are played by tun devices", "[drills]") {
    Policy policy = test::ipsec_policy();
    policy.tunnels.push_back(policy.tunnels.front());
    policy.tunnels.back().name = "branch";

    const drills::Adapted played = drills::adapt(policy);

    CHECK_FALSE(played.policy.tunnels[0].ipsec);
    CHECK_FALSE(played.policy.tunnels[0].interface.empty());
    CHECK(played.policy.tunnels[0].interface != played.policy.tunnels[1].interface);
    CHECK(played.notes == std::vector<std::string>{"office: a tun device plays the IPsec policy",
                                                   "branch: a tun device plays the IPsec policy"});
}
