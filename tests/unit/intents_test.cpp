// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/intents.hpp"
#include "policies.hpp"

#include <chrono>
#include <cstdint>

using namespace ks;
using namespace ks::test;
using namespace std::chrono_literals;

namespace {

const Instant kNow{"this", 1000s};

Instant in(std::chrono::seconds delay) {
    return {kNow.boot, kNow.since_boot + delay};
}

/// What `request` makes of `before` with a config that can be used.
Result<Intents, Refusal> asked(const Intents& before, const Request& request) {
    const Policy policy = wireguard_policy();
    return apply(before, request, &policy, kNow);
}

const Intents kArmed{false, false, true};
const Intents kDisarmed{true, false, false};
const Intents kPanic{false, true, true};
const Intents kTwoUsers{false, false, true, {}, {}, {{7, in(3s)}, {8, in(9s)}}};

}  // namespace

TEST_CASE("each request leads to the intents that its name says", "[intents]") {
    struct Row {
        Intents before;
        Request request;
        Intents after;
    };
    const auto row = GENERATE(values<Row>({
        {kDisarmed, request::Arm{}, kArmed},
        {{}, request::Arm{}, kArmed},
        {kPanic, request::Arm{}, kPanic},
        {{true, true}, request::Arm{}, kPanic},
        {{false, false, true, in(1s)}, request::Arm{}, kArmed},
        {kDisarmed, request::Arm{60s}, {false, false, true, {}, in(60s)}},
        {kArmed, request::Arm{60s}, kArmed},
        {{false, false, true, {}, in(9s)}, request::Arm{60s}, {false, false, true, {}, in(60s)}},
        {{false, false, true, {}, in(9s)}, request::Arm{}, kArmed},
        {{false, false, true, {}, in(9s)}, request::Confirm{}, kArmed},
        {kArmed, request::Disarm{}, kDisarmed},
        {kDisarmed, request::Disarm{}, kDisarmed},
        {{false, false, true, in(1s), in(1s)}, request::Disarm{}, kDisarmed},
        {kPanic, request::OpenAll{}, kDisarmed},
        {kArmed, request::OpenAll{}, kDisarmed},
        {kArmed, request::Lock{}, kPanic},
        {kDisarmed, request::Lock{}, {true, true}},
        {kPanic, request::Unlock{}, kArmed},
        {{true, true}, request::Unlock{}, kDisarmed},
        {kArmed, request::Unlock{}, kArmed},
        {kArmed, request::Pause{600s}, {false, false, true, in(600s)}},
        {kArmed, request::Pause{1s}, {false, false, true, in(1s)}},
        {kArmed, request::Pause{60s, 7}, {false, false, true, {}, {}, {{7, in(60s)}}}},
        {kTwoUsers,
         request::Pause{60s, 7},
         {false, false, true, {}, {}, {{7, in(60s)}, {8, in(9s)}}}},
        {kTwoUsers, request::Resume{}, kArmed},
        {kTwoUsers, request::Arm{}, kArmed},
        {kTwoUsers, request::Disarm{}, kDisarmed},
        {kArmed, request::Pause{24h}, {false, false, true, in(24h)}},
        {kDisarmed, request::Arm{1s}, {false, false, true, {}, in(1s)}},
        {kDisarmed, request::Arm{1h}, {false, false, true, {}, in(1h)}},
        {{false, false, true, in(5s)}, request::Resume{}, kArmed},
    }));

    const auto after = asked(row.before, row.request);

    REQUIRE(after);
    CHECK(*after == row.after);
}

TEST_CASE("what makes no sense, or is not safe, is refused and says why", "[intents]") {
    struct Row {
        Intents before;
        Request request;
        const char* text;
    };
    const auto row = GENERATE(values<Row>({
        {kPanic, request::Disarm{}, "panic"},
        {kPanic, request::Pause{60s}, "panic"},
        {kDisarmed, request::Pause{60s}, "not armed"},
        {kDisarmed, request::Pause{60s, 7}, "not armed"},
        {kArmed, request::Pause{25h, 7}, "24 hours"},
        {kArmed, request::Pause{60s, 0xffffffff}, "no such user"},
        {kArmed, request::Pause{0s}, "24 hours"},
        {kArmed, request::Pause{25h}, "24 hours"},
        {kArmed, request::Resume{}, "no pause"},
        {kArmed, request::Confirm{}, "confirmation"},
        {kDisarmed, request::Arm{0s}, "3600 seconds"},
        {kDisarmed, request::Arm{2h}, "3600 seconds"},
        // Run out a moment ago.
        {{false, false, true, in(0s)}, request::Resume{}, "no pause"},
        {{false, false, true, {}, in(0s)}, request::Confirm{}, "confirmation"},
    }));

    const auto after = asked(row.before, row.request);

    REQUIRE_FALSE(after);
    CHECK(after.error().why == Refusal::Why::unsafe);
    CHECK(after.error().text.find(row.text) != std::string::npos);
}

TEST_CASE("mode off refuses to arm, and every way to close less or more is open", "[intents]") {
    Policy policy = wireguard_policy();
    policy.mode = Mode::off;

    CHECK_FALSE(apply({}, request::Arm{}, &policy, kNow));
    CHECK_FALSE(apply({}, request::Pause{60s}, &policy, kNow));
    CHECK(apply(kPanic, request::Unlock{}, &policy, kNow));
    CHECK(apply({}, request::Lock{}, &policy, kNow));
    CHECK(apply({}, request::Disarm{}, &policy, kNow));
}

TEST_CASE("without a config only arming is refused", "[intents]") {
    const auto armed = apply(kDisarmed, request::Arm{}, nullptr, kNow);
    REQUIRE_FALSE(armed);
    CHECK(armed.error().why == Refusal::Why::no_config);

    CHECK(apply(kArmed, request::Disarm{}, nullptr, kNow));
    CHECK(apply(kArmed, request::Pause{60s}, nullptr, kNow));
    CHECK(apply(kPanic, request::OpenAll{}, nullptr, kNow));
    CHECK(apply(kPanic, request::Unlock{}, nullptr, kNow));
    CHECK(apply(kArmed, request::Lock{}, nullptr, kNow));
}

TEST_CASE("only so many users can have a pause", "[intents]") {
    Intents intents = kArmed;
    for (std::uint32_t user = 0; user < kMostUserPauses; ++user) {
        intents.user_pauses[user] = in(60s);
    }
    CHECK(asked(intents, request::Pause{60s, 3}));
    const auto one_more = asked(intents, request::Pause{60s, 1000});
    REQUIRE_FALSE(one_more);
    CHECK(one_more.error().text.find("no more than 16 users") == 0);
}

TEST_CASE("deadlines run out, in their own boot and in any other", "[intents]") {
    const Intents paused{false, false, true, in(10s)};
    CHECK(expire(paused, kNow) == paused);
    CHECK(expire(paused, in(10s)) == kArmed);
    CHECK(expire(paused, {"next", 0s}) == kArmed);

    const Intents one_user{false, false, true, {}, {}, {{8, in(9s)}}};
    CHECK(expire(kTwoUsers, in(3s)) == one_user);
    CHECK(expire(kTwoUsers, in(9s)) == kArmed);
    CHECK(expire(kTwoUsers, {"next", 0s}) == kArmed);

    const Intents unconfirmed{false, false, true, {}, in(10s)};
    CHECK(expire(unconfirmed, in(9s)) == unconfirmed);
    CHECK(expire(unconfirmed, in(10s)) == kDisarmed);
    CHECK(expire(unconfirmed, {"next", 0s}) == kDisarmed);
    const Intents in_panic{false, true, true, {}, in(10s)};
    CHECK(expire(in_panic, in(10s)) == Intents{true, true});
}

TEST_CASE("the next deadline is the sooner one of this boot", "[intents]") {
    CHECK_FALSE(next_deadline(kArmed, kNow));
    CHECK(next_deadline({false, false, true, in(9s), in(3s)}, kNow) == in(3s));
    CHECK(next_deadline({false, false, true, in(2s), in(3s)}, kNow) == in(2s));
    CHECK_FALSE(next_deadline({false, false, true, Instant{"next", 1s}}, kNow));
    CHECK(next_deadline(kTwoUsers, kNow) == in(3s));
}

TEST_CASE("what lets more out is known", "[intents][fail-closed]") {
    const Intents paused{false, false, true, in(9s)};
    CHECK(opens(kArmed, kDisarmed));
    CHECK(opens(kArmed, paused));
    CHECK(opens(kPanic, kArmed));
    CHECK(opens(kPanic, kDisarmed));
    CHECK(opens(kArmed, kTwoUsers));
    CHECK(opens({false, false, true, {}, {}, {{8, in(9s)}}}, kTwoUsers));
    CHECK_FALSE(opens(kTwoUsers, {false, false, true, {}, {}, {{8, in(9s)}}}));
    CHECK_FALSE(opens(kDisarmed, kArmed));
    CHECK_FALSE(opens(paused, kArmed));
    CHECK_FALSE(opens(kArmed, kPanic));
    CHECK_FALSE(opens(kArmed, {true, true}));
    CHECK_FALSE(opens(paused, kDisarmed));
    CHECK_FALSE(opens(kArmed, kArmed));
    CHECK_FALSE(opens(kPanic, kPanic));
    CHECK_FALSE(opens({true, true}, kPanic));
    CHECK_FALSE(opens(kPanic, {true, true}));
    CHECK_FALSE(opens(kDisarmed, {true, true}));
}
