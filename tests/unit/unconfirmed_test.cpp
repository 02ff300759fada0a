// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/unconfirmed.hpp"

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string>

using namespace ks;
using namespace std::chrono_literals;

TEST_CASE("who did not confirm in time is told when and how long it was", "[intents][undo]") {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    Intents before;
    before.confirm_by = Instant{"boot", 60s};
    const Intents after = expire(before, Instant{"boot", 61s});
    const std::string who = armed_for("uid 0 (pid 7)", "2026-11-30T14:30:07.123Z", 60s);

    CHECK_FALSE(unconfirmed(who));
    CHECK(unconfirmed(behind(before, after, who)) ==
          "arming at 14:30:07 was not confirmed within 60 s, and was undone");
    // As the file of the intents has it, with the time of its writing.
    CHECK(unconfirmed(behind(before, after, who + " at 2026-11-30T14:30:07.200Z")) ==
          "arming at 14:30:07 was not confirmed within 60 s, and was undone");
    CHECK(unconfirmed(behind(before, after, "")) ==
          "arming was not confirmed in time, and was undone");
}

TEST_CASE("whoever decides otherwise is not told of an older confirmation", "[intents][undo]") {
    Intents armed;
    armed.confirm_by = Instant{"boot", 60s};
    CHECK(behind(armed, armed, "uid 0") == "uid 0");
    Intents disarmed;
    disarmed.disarmed = true;
    CHECK(behind(disarmed, disarmed, "uid 0") == "uid 0");
    CHECK_FALSE(unconfirmed("uid 0"));
}
