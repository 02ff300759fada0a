// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/sets.hpp"
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
    CHECK(find_effect<Commit>(wish)->ruleset->sets.back().name == kPausedSet);

    State open = after(state, IntentsChanged{paused, "test"});
    CHECK(find_effect<WakeAt>(step(open, RetryDue{})) == nullptr);
    const Step early = step(open, TimeIs{{"b", 60s}});
    CHECK(find_effect<Commit>(early) == nullptr);

    const Step due = step(open, TimeIs{{"b", 61s}});
    REQUIRE(find_effect<Commit>(due) != nullptr);
    CHECK(find_effect<Commit>(due)->ruleset == compile(state.policy, state.situation));
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

TEST_CASE("every announcement says why, with the words of the error", "[step]") {
    const State state = protected_state();
    const Error why{"socket closed", 104};

    const Step links = step(state, LinksUnknown{why});
    REQUIRE(find_effect<Announce>(links) != nullptr);
    CHECK(find_effect<Announce>(links)->key == "links-unknown");
    CHECK(find_effect<Announce>(links)->text.find(why.message()) != std::string::npos);
    const Step ipsec = step(state, IpsecUnknown{why});
    REQUIRE(find_effect<Announce>(ipsec) != nullptr);
    CHECK(find_effect<Announce>(ipsec)->key == "ipsec-unknown");
    CHECK(find_effect<Announce>(ipsec)->text.find(why.message()) != std::string::npos);
    const Step saved = step(state, NotRemembered{why});
    CHECK(saved.next.remember_error == why.message());
}

TEST_CASE("an interface that is refused as a tunnel is announced once", "[step]") {
    State state;
    state.policy = wireguard_policy();
    state.policy.tunnels[0].kind = "wireguard";
    const LinksChanged wrong{links_with("wg0", "tun", true)};

    const Step first = step(state, wrong);
    REQUIRE(find_effect<Announce>(first) != nullptr);
    CHECK(find_effect<Announce>(first)->key == "tunnel-refused");
    CHECK(find_effect<Announce>(step(first.next, wrong)) == nullptr);

    const Step gone = step(first.next, LinksChanged{{}});
    CHECK(find_effect<Announce>(gone) == nullptr);
    CHECK(find_effect<Announce>(step(gone.next, wrong)) != nullptr);
}

TEST_CASE("a state is announced once, however often its rules are committed", "[step]") {
    const State state = protected_state();
    const Step touched = step(state, TableTouched{"nft"});

    const Step again = step(touched.next, CommitSucceeded{touched.next.wanted});

    CHECK(again.next.in_force);
    CHECK(find_effect<Announce>(again) == nullptr);
}

TEST_CASE("failed commits are counted and explained until one succeeds", "[step]") {
    const Error why{"kernel refused rule 3", 1};
    State state = protected_state();
    state = step(std::move(state), TableTouched{"nft"}).next;
    for (unsigned failures = 1; failures < 4; ++failures) {
        state = step(std::move(state), CommitFailed{why}).next;
        CHECK(state.failed_commits == failures);
        CHECK(state.last_error == why.message());
        CHECK_FALSE(state.in_force);
    }

    state = step(state, CommitSucceeded{state.wanted}).next;

    CHECK(state.failed_commits == 0);
    CHECK(state.last_error.empty());
    CHECK(state.in_force);
}

TEST_CASE("devices that refuse the rules are announced once for each reason", "[step]") {
    State state = protected_state();
    const auto refused = [&](const char* why) {
        return step(state, CommitSucceeded{state.wanted, Error{why}});
    };
    const Step first = refused("eth0");
    REQUIRE(find_effect<Announce>(first) != nullptr);
    CHECK(find_effect<RetryAfter>(first)->delay == std::chrono::seconds(10));
    state = first.next;

    const Step same = refused("eth0");
    CHECK(find_effect<Announce>(same) == nullptr);
    CHECK(find_effect<RetryAfter>(same) != nullptr);
    CHECK(find_effect<Announce>(refused("eth1")) != nullptr);
    const Step held = step(state, CommitSucceeded{state.wanted});
    CHECK(find_effect<RetryAfter>(held) == nullptr);
    CHECK(step(held.next, RetryDue{}).effects.empty());
}

TEST_CASE("whoever changed what is wanted is remembered with it", "[step]") {
    using namespace std::chrono_literals;
    State state;
    state.policy = wireguard_policy();
    state.policy.boot = BootLock::open;
    const Step engaged = step(state, LinksChanged{{}});
    REQUIRE(find_effect<Remember>(engaged) != nullptr);
    CHECK(find_effect<Remember>(engaged)->by == "the service");

    state = after(state, LinksChanged{{}});
    state = after(state, TimeIs{{"b", 1s}});
    CHECK(state.asked_by == "the service");
    state = after(state, IntentsChanged{{false, false, true, Instant{"b", 61s}}, "uid 7"});
    CHECK(state.asked_by == "uid 7");
    CHECK(after(state, TimeIs{{"b", 60s}}).asked_by == "uid 7");
    CHECK(after(state, TimeIs{{"b", 61s}}).asked_by == "a deadline");
}

TEST_CASE("what the disk holds is not written again", "[step]") {
    const State state = after(protected_state(), IntentsChanged{{true, false}, "test"});
    REQUIRE(state.remembered == state.intents);

    CHECK(find_effect<Remember>(step(state, TimeIs{})) == nullptr);
    CHECK(find_effect<Remember>(step(state, CommitSucceeded{state.wanted})) == nullptr);
    // Already open: nothing has to wait for the kernel.
    const Step more = step(state, IntentsChanged{{true, false, true}, "test"});
    CHECK(find_effect<Remember>(more) != nullptr);
}

TEST_CASE("a cgroup that appears opens the endpoint to it", "[step]") {
    State state;
    state.policy = wireguard_policy();
    state.policy.tunnels[0].only = {};
    state.policy.tunnels[0].only.cgroup = "vpn.slice";
    state = after(state, LinksChanged{{}});
    PacketView packet = web_by("eth0");
    packet.destination = address("203.0.113.7");
    packet.protocol = proto::kUdp;
    packet.destination_port = 51820;
    packet.cgroups = {42};
    REQUIRE_FALSE(accepted(*state.wanted, packet));

    CHECK(accepted(*after(state, CgroupsChanged{{{"vpn.slice", 42}}}).wanted, packet));
}

TEST_CASE("with on-drop nothing engages while the links are unknown", "[step]") {
    State state;
    state.policy = wireguard_policy();
    state.policy.mode = Mode::on_drop;
    state.policy.boot = BootLock::open;
    CHECK_FALSE(after(state, TimeIs{}).intents.engaged);
    state.policy.mode = Mode::off;
    CHECK_FALSE(after(state, LinksChanged{links_with("wg0", "wireguard", true)}).intents.engaged);
    state.policy.mode = Mode::always;
    state.intents.disarmed = true;
    CHECK_FALSE(after(state, LinksChanged{{}}).intents.engaged);
}
