// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "support/drill_report.hpp"
#include "support/programs.hpp"
#include "support/wireguard.hpp"

using namespace ks;

TEST_CASE("wireguard-go leaks nothing in any drill, and works again after each", "[wireguard]") {
    test::require_programs({"wireguard-go", "wg"});

    test::play_all("wireguard-go", test::demo_policy(), test::wireguard_go);
}
