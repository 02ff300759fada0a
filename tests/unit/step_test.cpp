// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/step.hpp"
#include "policies.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <variant>

using namespace ks;
using namespace ks::test;

namespace {

/// The state after `event`, with every commit it asks for acknowledged.
State after(State state, const Event& event) {
    Step next = step(std::move(state), event);
    for (const Effect& effect : next.effects) {
        if (const auto* const commit = std::get_if<Commit>(&effect)) {
            next.next = step(std::move(next.next), CommitSucceeded{commit->ruleset}).next;
        }
    }
    return std::move(next.next);
}

State protected_state() {
    State state;
    state.policy = wireguard_policy();
    return after(state, LinksChanged{links_with("wg0", "wireguard", true)});
}

template <class T>
const T* find_effect(const Step& next) {
    for (const Effect& effect : next.effects) {
        if (const auto* const found = std::get_if<T>(&effect)) {
            return found;
        }
    }
    return nullptr;
}

}  // namespace

TEST_CASE("losing sight of the links closes the tunnel", "[step][fail-closed]") {
    const State open = protected_state();
    REQUIRE(evaluate(*open.wanted, web_by("wg0")).verdict == Verdict::accept);

    const Step lost = step(open, LinksUnknown{Error{"socket closed"}});

    REQUIRE(find_effect<Commit>(lost) != nullptr);
    CHECK(evaluate(*find_effect<Commit>(lost)->ruleset, web_by("wg0")).verdict != Verdict::accept);
    CHECK_FALSE(lost.next.in_force);
}

TEST_CASE("an event that changes nothing commits nothing", "[step]") {
    const State open = protected_state();
    REQUIRE(open.in_force);

    const Step same = step(open, LinksChanged{links_with("wg0", "wireguard", true)});

    CHECK(same.effects.empty());
    CHECK(same.next.in_force);
}

TEST_CASE("only an intent removes the table", "[step][fail-closed]") {
    const State open = protected_state();
    const Step disarmed = step(open, IntentsChanged{{true, false}});
    REQUIRE(find_effect<Commit>(disarmed) != nullptr);
    REQUIRE_FALSE(find_effect<Commit>(disarmed)->ruleset);

    const auto event = GENERATE(values<Event>(
        {LinksChanged{{}}, LinksUnknown{Error{"x"}}, IpsecChanged{}, IpsecUnknown{Error{"x"}},
         CommitFailed{Error{"x"}}, TableTouched{"nft"}, RetryDue{}, CgroupsChanged{},
         IntentsChanged{}, PolicyLoaded{wireguard_policy()}}));
    const Step next = step(open, event);
    CHECK(next.next.wanted);
    if (const auto* const commit = find_effect<Commit>(next)) {
        CHECK(commit->ruleset);
    }
}

TEST_CASE("a state is announced only after the kernel's word", "[step]") {
    State state;
    state.policy = wireguard_policy();

    const Step asked = step(state, LinksChanged{links_with("wg0", "wireguard", true)});
    CHECK(find_effect<Announce>(asked) == nullptr);
    const Step done = step(asked.next, CommitSucceeded{asked.next.wanted});
    REQUIRE(find_effect<Announce>(done) != nullptr);
    CHECK(find_effect<Announce>(done)->key == "state-change");
}

TEST_CASE("failed commits back off and never give up", "[step]") {
    const auto [failures, delay_ms] = GENERATE(
        table<unsigned, int>({{0, 100}, {1, 200}, {6, 6400}, {7, 10'000}, {4'000'000, 10'000}}));
    State state = protected_state();
    state.failed_commits = failures;

    const Step next = step(state, CommitFailed{Error{"kernel refused rule 3", 1}});

    REQUIRE(find_effect<RetryAfter>(next) != nullptr);
    CHECK(find_effect<RetryAfter>(next)->delay == std::chrono::milliseconds(delay_ms));
    CHECK(find_effect<Announce>(next)->text.find("EPERM") != std::string::npos);
}

TEST_CASE("a retry repeats what is wanted until it is in force", "[step]") {
    State state;
    state.policy = wireguard_policy();
    state = step(state, LinksChanged{{}}).next;
    state = step(state, CommitFailed{Error{"x"}}).next;

    const Step retry = step(state, RetryDue{});
    REQUIRE(find_effect<Commit>(retry) != nullptr);
    CHECK(find_effect<Commit>(retry)->ruleset == state.wanted);

    const State done = step(retry.next, CommitSucceeded{state.wanted}).next;
    CHECK(done.in_force);
    CHECK(step(done, RetryDue{}).effects.empty());
}

TEST_CASE("the answer to an overtaken commit does not count", "[step]") {
    State state = protected_state();
    const auto old_rules = state.wanted;
    state = step(state, LinksChanged{{}}).next;

    const State next = step(state, CommitSucceeded{old_rules}).next;

    CHECK_FALSE(next.in_force);
}

TEST_CASE("a table that others changed is restored and named", "[step][fail-closed]") {
    const Step next = step(protected_state(), TableTouched{"nft"});

    REQUIRE(find_effect<Commit>(next) != nullptr);
    CHECK(find_effect<Commit>(next)->ruleset == next.next.wanted);
    CHECK(find_effect<Announce>(next)->key == "table-altered");
    CHECK(find_effect<Announce>(next)->text.find("nft") != std::string::npos);
}
