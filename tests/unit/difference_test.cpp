// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/difference.hpp"

using namespace ks;
using Where = Difference::Where;

TEST_CASE("a difference says where it is, and what", "[difference]") {
    const Difference other{Where::rule, TableFamily::netdev, {}, "egress_eth0", 3,
                           "accept",    "counter drop"};
    CHECK(describe(other) ==
          "chain netdev killswitchd egress_eth0 rule 3: is 'accept', should be 'counter drop'");
    const Difference foreign{Where::rule, TableFamily::inet,           {}, "output",
                             1,           "ip daddr 192.0.2.1 accept", {}};
    CHECK(describe(foreign) ==
          "chain inet killswitchd output rule 1: 'ip daddr 192.0.2.1 accept' is not ours");
    const Difference gone{Where::rule, TableFamily::inet, {}, "output", 2, {}, "drop"};
    CHECK(describe(gone) == "chain inet killswitchd output rule 2: 'drop' is missing");
}

TEST_CASE("a difference without text is one of the whole object", "[difference]") {
    CHECK(describe({Where::table, TableFamily::inet, {}, {}, 0, {}, ""}) ==
          "table inet killswitchd is missing");
    CHECK(describe({Where::chain, TableFamily::inet, {}, "mine", 0, "", {}}) ==
          "chain inet killswitchd mine is not ours");
    CHECK(describe({Where::set, TableFamily::arp, {}, "endpoints4", 0, {}, ""}) ==
          "set arp killswitchd endpoints4 is missing");
    CHECK(describe({Where::object, TableFamily::inet, "quota", "q", 0, "", {}}) ==
          "quota inet killswitchd q is not ours");
}
