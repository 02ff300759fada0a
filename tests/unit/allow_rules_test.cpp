// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "policies.hpp"

#include <cstdint>

using namespace ks;
using namespace ks::test;

namespace {

constexpr std::uint32_t kUser = 1000;

Policy allowing_user(Ipv6 ipv6) {
    Policy policy = wireguard_policy();
    policy.ipv6 = ipv6;
    AllowRule rule;
    rule.user = kUser;
    policy.outbound = {rule};
    return policy;
}

Verdict verdict(const Policy& policy, PacketView packet) {
    return evaluate(*compile(policy, situation_of(policy, StateName::locked)), packet).verdict;
}

PacketView of_user(const char* from, const char* to) {
    PacketView packet = web_by("eth0");
    packet.source = address(from);
    packet.destination = address(to);
    packet.uid = kUser;
    return packet;
}

}  // namespace

TEST_CASE("an exception without an address opens no IPv6 where that is blocked",
          "[compile][allow][fail-closed]") {
    const PacketView v4 = of_user("192.168.1.2", "198.51.100.9");
    const PacketView v6 = of_user("2001:db8::2", "2001:db8:9::9");
    REQUIRE(verdict(allowing_user(Ipv6::tunnel), v6) == Verdict::accept);
    REQUIRE(verdict(allowing_user(Ipv6::block), v4) == Verdict::accept);

    CHECK(verdict(allowing_user(Ipv6::block), v6) != Verdict::accept);
}

TEST_CASE("an exception of one user opens nothing for another", "[compile][allow][fail-closed]") {
    PacketView packet = of_user("192.168.1.2", "198.51.100.9");
    REQUIRE(verdict(allowing_user(Ipv6::block), packet) == Verdict::accept);

    packet.uid = kUser + 1;
    CHECK(verdict(allowing_user(Ipv6::block), packet) != Verdict::accept);
    packet.uid.reset();
    CHECK(verdict(allowing_user(Ipv6::block), packet) != Verdict::accept);
}
