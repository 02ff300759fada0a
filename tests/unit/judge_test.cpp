// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/judge.hpp"
#include "policies.hpp"

#include <string>

using namespace ks;
using namespace ks::test;

namespace {

using Rules = Observed::Rules;
using Service = Observed::Service;

/// A state that wants what its policy, links and intents call for.
State wanting(Intents intents, bool up = false, Mode mode = Mode::always) {
    State state;
    state.policy = wireguard_policy();
    state.policy.mode = mode;
    state.links = links_with("wg0", "wireguard", up);
    state.intents = intents;
    state.situation = decide(state);
    state.wanted = compile(state.policy, state.situation);
    return state;
}

Observed seen(Rules rules, Service service = Service::running) {
    Observed observed;
    observed.rules = rules;
    observed.service = service;
    return observed;
}

Difference foreign_rule() {
    Difference difference;
    difference.where = Difference::Where::rule;
    difference.name = "output";
    difference.rule = 1;
    difference.is = "accept";
    return difference;
}

const Intents kArmed{};
const Intents kDisarmed{true, false};
const Intents kPanic{false, true};
const Intents kPaused{false, false, true, Instant{"b", std::chrono::hours(1)}};

}  // namespace

TEST_CASE("a lock that stands as wanted is what it says", "[judge]") {
    struct Row {
        Intents intents;
        bool up;
        Summary summary;
        const char* state;
        const char* reason;
    };
    const auto row = GENERATE(values<Row>({
        {kArmed, false, Summary::locked, "locked", "no tunnel is up"},
        {kArmed, true, Summary::protected_, "protected", "only through wg0"},
        {kPanic, true, Summary::panic, "panic", "unlock"},
    }));

    const Judgement said = judge(wanting(row.intents, row.up), seen(Rules::filter));

    CHECK(said.summary == row.summary);
    CHECK(said.state == row.state);
    CHECK(said.reason.find(row.reason) != std::string::npos);
    CHECK(said.verified);
    CHECK(exit_code(said.summary) == 0);
}

TEST_CASE("what was opened on purpose is open, and as wanted", "[judge]") {
    struct Row {
        Intents intents;
        Mode mode;
        Summary summary;
        const char* reason;
    };
    const auto row = GENERATE(values<Row>({
        {kDisarmed, Mode::always, Summary::open, "disarmed"},
        {kArmed, Mode::off, Summary::open, "mode is off"},
        {kArmed, Mode::on_drop, Summary::open, "waiting for a tunnel"},
        {kPaused, Mode::always, Summary::paused, "until the pause ends"},
    }));
    State state = wanting(row.intents, false, row.mode);
    if (row.mode == Mode::on_drop) {
        state.policy.boot = BootLock::open;
        state.situation = decide(state);
        state.wanted = compile(state.policy, state.situation);
    }
    REQUIRE_FALSE(state.wanted);

    const Judgement said = judge(state, seen(Rules::absent));
    CHECK(said.summary == row.summary);
    CHECK(said.reason.find(row.reason) != std::string::npos);
    CHECK(said.verified);
    CHECK(exit_code(said.summary) == 3);

    CHECK_FALSE(judge(state, seen(Rules::idle)).verified);
    CHECK(judge(state, seen(Rules::filter)).summary == Summary::degraded);
}

TEST_CASE("an armed machine without rules is open, and never verified", "[judge][fail-closed]") {
    const auto intents = GENERATE(values<Intents>({kArmed, kPanic}));
    const auto rules = GENERATE(Rules::absent, Rules::idle);
    const auto service = GENERATE(Service::running, Service::stopped);

    const Judgement said = judge(wanting(intents), seen(rules, service));

    CHECK(said.summary == Summary::open);
    CHECK(said.reason.find("armed, but") == 0);
    CHECK_FALSE(said.verified);
}

TEST_CASE("rules that cannot be read are never called open or closed", "[judge][fail-closed]") {
    const auto intents = GENERATE(values<Intents>({kArmed, kDisarmed, kPanic, kPaused}));
    Observed observed = seen(GENERATE(Rules::absent, Rules::filter));
    observed.unreadable = "Operation not permitted (EPERM)";

    const Judgement said = judge(wanting(intents), observed);

    CHECK(said.summary == Summary::unknown);
    CHECK(said.state == "unknown");
    CHECK_FALSE(said.verified);
    CHECK(exit_code(said.summary) == 4);
}

TEST_CASE("a lock that is not as it should be is degraded and says why", "[judge]") {
    Observed observed = seen(Rules::filter);
    SECTION("a foreign rule") {
        observed.differences = {foreign_rule()};
        const Judgement said = judge(wanting(kArmed), observed);
        CHECK(said.summary == Summary::degraded);
        CHECK(said.reason.find("rule 1") != std::string::npos);
        CHECK_FALSE(said.verified);
    }
    SECTION("several") {
        observed.differences = {foreign_rule(), foreign_rule(), foreign_rule()};
        CHECK(judge(wanting(kArmed), observed).reason.find("and 2 more") != std::string::npos);
    }
    SECTION("the rules of another state") {
        observed.differences = {foreign_rule()};
        observed.resembles = StateName::panic;
        CHECK(judge(wanting(kArmed), observed).state == "panic");
    }
    SECTION("no service") {
        observed.service = Service::stopped;
        const Judgement said = judge(wanting(kArmed), observed);
        CHECK(said.summary == Summary::degraded);
        CHECK(said.reason.find("the service is not running; the rules stand") == 0);
        CHECK(said.verified);
    }
    SECTION("a broken config over a service that goes on") {
        observed.broken_config = "k.yaml:6:1: error: x";
        const Judgement said = judge(wanting(kArmed), observed);
        CHECK(said.summary == Summary::degraded);
        CHECK(said.reason.find("LOCKED holds, but the config on disk is broken") == 0);
        CHECK(said.verified);
    }
    SECTION("a broken config, and nobody there") {
        observed.service = Service::stopped;
        observed.broken_config = "k.yaml:6:1: error: x";
        const Judgement said = judge(State{}, observed);
        CHECK(said.reason.find("the rules in the kernel stand") != std::string::npos);
        CHECK_FALSE(said.verified);
    }
    SECTION("only the fallback table") {
        observed.rules = GENERATE(Rules::absent, Rules::idle);
        observed.fallback = true;
        const Judgement said = judge(wanting(kArmed), observed);
        CHECK(said.summary == Summary::degraded);
        CHECK(said.reason.find("fallback") != std::string::npos);
        CHECK_FALSE(said.verified);
    }
    SECTION("a lock although the machine is disarmed") {
        CHECK(judge(wanting(kDisarmed), observed).reason.find("a lock is still in the kernel") !=
              std::string::npos);
    }
}

TEST_CASE("a config that cannot be used counts as one that locks", "[judge][fail-closed]") {
    Observed observed = seen(Rules::absent, Service::stopped);
    observed.broken_config = "k.yaml: error: cannot open";
    State state;

    CHECK(is_armed(state, observed));
    const Judgement said = judge(state, observed);
    CHECK(said.summary == Summary::open);
    CHECK(said.reason.find("the config cannot be used") == 0);
    CHECK_FALSE(said.verified);

    state.intents = kDisarmed;
    CHECK_FALSE(is_armed(state, observed));
    CHECK(judge(state, observed).reason.find("disarmed") == 0);
}

TEST_CASE("a boot with killswitchd=off says so, whatever is wanted", "[judge]") {
    Observed observed = seen(Rules::absent, Service::stopped);
    observed.boot_disabled = true;

    const Judgement said = judge(wanting(kArmed), observed);

    CHECK(said.summary == Summary::open);
    CHECK(said.reason.find("killswitchd=off") == 0);
}
