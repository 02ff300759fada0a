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

/// The state after `event`, with everything that it asks for done.
State after(State state, const Event& event) {
    Step next = step(std::move(state), event);
    for (const Effect& effect : next.effects) {
        if (const auto* const commit = std::get_if<Commit>(&effect)) {
            next.next = after(std::move(next.next), CommitSucceeded{commit->ruleset});
        } else if (const auto* const remember = std::get_if<Remember>(&effect)) {
            next.next = after(std::move(next.next), Remembered{remember->intents});
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
    const Step disarmed = step(open, IntentsChanged{{true, false}, "test"});
    REQUIRE(find_effect<Commit>(disarmed) != nullptr);
    REQUIRE_FALSE(find_effect<Commit>(disarmed)->ruleset);

    const auto event = GENERATE(
        values<Event>({LinksChanged{{}}, LinksUnknown{Error{"x"}}, IpsecChanged{},
                       IpsecUnknown{Error{"x"}}, CommitFailed{Error{"x"}}, TableTouched{"nft"},
                       TableUnreadable{Error{"x"}}, TimeIs{}, NotRemembered{Error{"x"}}, RetryDue{},
                       CgroupsChanged{}, IntentsChanged{}, PolicyLoaded{wireguard_policy()}}));
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

namespace {

/// The places of the two effects among all; -1 for one that is not there.
std::pair<int, int> order_of_remember_and_commit(const Step& next) {
    std::pair<int, int> found{-1, -1};
    for (int i = 0; i < static_cast<int>(next.effects.size()); ++i) {
        const Effect& effect = next.effects[static_cast<std::size_t>(i)];
        if (std::holds_alternative<Remember>(effect)) {
            found.first = i;
        } else if (std::holds_alternative<Commit>(effect)) {
            found.second = i;
        }
    }
    return found;
}

}  // namespace

TEST_CASE("a wish that closes is on the disk before it is in the kernel", "[step][fail-closed]") {
    State state = after(protected_state(), IntentsChanged{{true, false}, "test"});
    REQUIRE(state.remembered.disarmed);
    const auto wish = GENERATE(values<Intents>({{false, false, true}, {true, true}}));

    const auto [remember, commit] =
        order_of_remember_and_commit(step(state, IntentsChanged{wish, "test"}));

    CHECK(remember >= 0);
    CHECK(remember < commit);
}

TEST_CASE("a wish that opens is on the disk after it is in the kernel", "[step][fail-closed]") {
    const State state = protected_state();
    const Step next = step(state, IntentsChanged{{true, false}, "uid 0"});
    const auto [remember, commit] = order_of_remember_and_commit(next);
    REQUIRE(commit >= 0);
    CHECK(remember == -1);

    const Step failed = step(next.next, CommitFailed{Error{"x"}});
    CHECK(find_effect<Remember>(failed) == nullptr);
    const Step done = step(next.next, CommitSucceeded{std::nullopt});
    REQUIRE(find_effect<Remember>(done) != nullptr);
    CHECK(find_effect<Remember>(done)->intents.disarmed);
    CHECK(find_effect<Remember>(done)->by == "uid 0");
}

TEST_CASE("what could not be remembered is said, and tried again", "[step]") {
    State state = protected_state();
    const Step wish = step(state, IntentsChanged{{false, true}, "test"});
    const Step failed = step(wish.next, NotRemembered{Error{"read-only", 30}});
    CHECK(find_effect<Announce>(failed)->key == "state-not-saved");
    CHECK_FALSE(failed.next.remember_error.empty());

    const Step later = step(failed.next, CommitSucceeded{wish.next.wanted});
    REQUIRE(find_effect<Remember>(later) != nullptr);
    CHECK(step(later.next, Remembered{{false, true}}).next.remember_error.empty());
}

TEST_CASE("a deadline is waited for once, and closes or opens when it comes", "[step]") {
    using namespace std::chrono_literals;
    State state = protected_state();
    state.now = {"b", 1s};
    const Intents paused{false, false, false, Instant{"b", 61s}};

    const Step wish = step(state, IntentsChanged{paused, "test"});
    REQUIRE(find_effect<WakeAt>(wish) != nullptr);
    CHECK(find_effect<WakeAt>(wish)->moment == paused.open_until);
    REQUIRE(find_effect<Commit>(wish) != nullptr);
    CHECK_FALSE(find_effect<Commit>(wish)->ruleset);

    State open = after(state, IntentsChanged{paused, "test"});
    CHECK(find_effect<WakeAt>(step(open, RetryDue{})) == nullptr);
    const Step early = step(open, TimeIs{{"b", 60s}});
    CHECK(find_effect<Commit>(early) == nullptr);

    const Step due = step(open, TimeIs{{"b", 61s}});
    REQUIRE(find_effect<Commit>(due) != nullptr);
    CHECK(find_effect<Commit>(due)->ruleset);
    REQUIRE(find_effect<WakeAt>(due) != nullptr);
    CHECK_FALSE(find_effect<WakeAt>(due)->moment);
}

TEST_CASE("rules that cannot be read are committed again, and nobody is blamed", "[step]") {
    const Step next = step(protected_state(), TableUnreadable{Error{"no memory", 12}});

    CHECK(find_effect<Announce>(next)->key == "table-unreadable");
    CHECK(find_effect<Commit>(next) != nullptr);
    CHECK_FALSE(next.next.in_force);
}

TEST_CASE("where the boot stage opens, a lock in force is known to it", "[step][fail-closed]") {
    State state;
    state.policy = wireguard_policy();
    CHECK_FALSE(after(state, LinksChanged{{}}).intents.engaged);
    state.policy.boot = BootLock::open;
    CHECK(after(state, LinksChanged{{}}).intents.engaged);
    CHECK(after(state, LinksChanged{{}}).remembered.engaged);

    state.policy.mode = Mode::on_drop;
    CHECK_FALSE(after(state, LinksChanged{{}}).intents.engaged);
    CHECK(after(state, LinksChanged{links_with("wg0", "wireguard", true)}).intents.engaged);
}

TEST_CASE("on-drop with boot: lock is locked from boot on", "[step]") {
    State state;
    state.policy = wireguard_policy();
    state.policy.mode = Mode::on_drop;
    state.policy.boot = BootLock::lock;
    CHECK(after(state, LinksChanged{{}}).situation.state == StateName::locked);

    state.policy.boot = BootLock::open;
    CHECK(after(state, LinksChanged{{}}).situation.state == StateName::disarmed);
}
