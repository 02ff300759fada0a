// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/time.hpp"

#include <chrono>
#include <string>

using namespace ks;

TEST_CASE("a moment that is written in UTC is read as the same second", "[time]") {
    const auto moment =
        std::chrono::system_clock::from_time_t(1'795'305'600) + std::chrono::milliseconds(123);
    CHECK(utc_text(moment) == "2026-11-22T00:00:00.123Z");
    CHECK(moment_in(utc_text(moment)) == moment - std::chrono::milliseconds(123));
    CHECK(moment_in("2026-11-22T00:00:00Z"));
}

TEST_CASE("what is no moment in UTC is none", "[time]") {
    for (const char* const text : {"", "now", "2026-11-22", "2026-11-22T00:00:00+01:00",
                                   "2263-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}) {
        CAPTURE(text);
        CHECK_FALSE(moment_in(text));
    }
}
