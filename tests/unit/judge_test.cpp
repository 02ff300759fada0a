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

TEST_CASE("a tunnel without answers is protected, but silent", "[judge]") {
    Observed observed = seen(Rules::filter);
    observed.silent = "wg0 has had no answer for 4 min";

    const Judgement said = judge(wanting(kArmed, true), observed);

    CHECK(headline(said) == "PROTECTED, but silent: wg0 has had no answer for 4 min");
    CHECK(exit_code(said.summary) == 0);
    CHECK(said.verified);
    CHECK_FALSE(judge(wanting(kArmed, false), observed).silent);
    CHECK_FALSE(judge(wanting(kDisarmed, true), seen(Rules::absent)).silent);
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
        {kArmed, Mode::on_drop, Summary::open, "waiting for wg0 to come up for the first time"},
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

TEST_CASE("a pause is one for as long as the kernel has it, whoever runs", "[judge][fail-closed]") {
    const bool up = GENERATE(true, false);
    const State state = wanting(kPaused, up);
    Observed observed = seen(Rules::filter);
    observed.paused = true;

    CHECK(headline(judge(state, observed)) == "PAUSED: everything may leave until the pause ends");
    CHECK(judge(state, observed).verified);
    CHECK(exit_code(judge(state, observed).summary) == 3);
    observed.service = Service::stopped;
    CHECK(
        headline(judge(state, observed)) ==
        "PAUSED: everything may leave until the pause ends; no service runs, the kernel closes by "
        "itself");
    observed.differences = {foreign_rule()};
    CHECK_FALSE(judge(state, observed).verified);

    observed = seen(Rules::filter);  // The kernel's clock was the faster one.
    const Judgement over = judge(state, observed);
    CHECK(over.summary == (up ? Summary::protected_ : Summary::locked));
    CHECK(over.state == (up ? "protected" : "locked"));
    CHECK(over.reason == judge(wanting(kArmed, up), observed).reason);

    observed.paused = true;
    CHECK(headline(judge(wanting(kArmed, up), observed)) ==
          "OPEN: a pause that nobody wants is on in the kernel");
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
        CHECK(said.reason.find("LOCKED holds by the config in force, but the one on disk") == 0);
        CHECK(said.verified);
    }
    SECTION("a broken config, and nobody there") {
        observed.service = Service::stopped;
        observed.broken_config = "k.yaml:6:1: error: x";
        const Judgement said = judge(State{}, observed);
        CHECK(said.reason.find("the lock holds, but") == 0);
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

namespace {

/// Every combination of what can be wanted and what can be seen.
template <class Visit>
void for_all_views(Visit visit) {
    for (const Mode mode : {Mode::off, Mode::always, Mode::on_drop}) {
        for (const Intents& intents : {kArmed, kDisarmed, kPanic, kPaused, Intents{true, true}}) {
            State state = wanting(intents, false, mode);
            state.policy.boot = BootLock::open;
            state.situation = decide(state);
            state.wanted = compile(state.policy, state.situation);
            for (unsigned bits = 0; bits < 128; ++bits) {
                for (const Rules rules : {Rules::absent, Rules::idle, Rules::filter}) {
                    Observed observed =
                        seen(rules, (bits & 1) != 0 ? Service::running : Service::stopped);
                    observed.fallback = (bits & 2) != 0;
                    observed.boot_disabled = (bits & 4) != 0;
                    if ((bits & 8) != 0) {
                        observed.broken_config = "k.yaml: broken";
                    }
                    if ((bits & 16) != 0) {
                        observed.differences = {foreign_rule()};
                    }
                    if ((bits & 32) != 0) {
                        observed.unreadable = "EPERM";
                    }
                    observed.paused = (bits & 64) != 0 && rules == Rules::filter;
                    visit(state, observed);
                }
            }
        }
    }
}

}  // namespace

TEST_CASE("no view is called better than it was seen", "[judge][fail-closed]") {
    for_all_views([](const State& state, const Observed& observed) {
        const Judgement said = judge(state, observed);
        const bool locks = observed.rules == Rules::filter;
        INFO(said.reason << ", rules " << int(observed.rules) << ", service "
                         << int(observed.service));
        if (observed.unreadable) {
            CHECK(said.summary == Summary::unknown);
            CHECK_FALSE(said.verified);
            return;
        }
        if (said.verified) {
            CHECK(locks == state.wanted.has_value());
            CHECK((locks || observed.rules == Rules::absent));
            CHECK((!locks || observed.differences.empty()));
        }
        if (!locks && observed.fallback) {  // A lock, but not the one that is wanted.
            CHECK(said.summary == Summary::degraded);
            CHECK(said.state == "locked");
            CHECK(said.reason.find("fallback") != std::string::npos);
            CHECK_FALSE(said.verified);
        } else if (!locks) {
            CHECK(exit_code(said.summary) == 3);
            CHECK_FALSE(
                (said.verified && is_armed(state, observed) && state.policy.mode != Mode::on_drop));
            CHECK_FALSE((said.verified && observed.broken_config));
        }
        if (exit_code(said.summary) == 0) {
            CHECK(locks);
            CHECK(said.verified);
            CHECK(observed.service == Service::running);
            CHECK_FALSE(observed.broken_config);
        }
        if (locks) {
            CHECK((exit_code(said.summary) == 3) == observed.paused);
            CHECK((said.summary == Summary::paused) ==
                  (observed.paused && state.situation.state == StateName::paused));
        }
    });
}

TEST_CASE("a machine is meant to be locked unless somebody or the config says otherwise",
          "[judge][fail-closed]") {
    for_all_views([](const State& state, const Observed& observed) {
        const bool unusable = observed.broken_config && observed.service == Service::stopped;
        const bool off = state.policy.mode == Mode::off && !unusable;
        CHECK(is_armed(state, observed) ==
              (state.intents.panic || !(off || state.intents.disarmed)));
    });
}

TEST_CASE("an open machine says who or what opened it", "[judge]") {
    const auto reason = [](const State& state, const Observed& observed) {
        return judge(state, observed).reason;
    };
    Observed none = seen(Rules::absent, Service::stopped);
    none.boot_disabled = true;
    CHECK(reason(wanting(kDisarmed), none).find("killswitchd=off") == 0);
    CHECK(reason(wanting(kPanic), none).find("armed, but") == 0);
    none.service = Service::running;  // Started by hand since: the kernel's command line is over.
    CHECK(reason(wanting(kDisarmed), none).find("disarmed") == 0);

    none.boot_disabled = false;
    none.broken_config = "k.yaml: broken";
    CHECK(reason(wanting(kArmed), none).find("the config cannot be used") == 0);
    CHECK(reason(wanting(kDisarmed), none).find("disarmed") == 0);
    CHECK_FALSE(judge(wanting(kDisarmed), none).verified);
    const Judgement paused = judge(wanting(kPaused), none);
    CHECK(paused.summary == Summary::open);
    CHECK_FALSE(paused.verified);
}

TEST_CASE("a lock that nobody wants is called one", "[judge]") {
    const Observed locked = seen(Rules::filter);
    CHECK(judge(wanting(kDisarmed), locked).reason.find("not armed, but a lock") == 0);
    CHECK(judge(wanting(kDisarmed), locked).state == "locked");
    CHECK_FALSE(judge(wanting(kDisarmed), locked).verified);
}

TEST_CASE("one difference is named, more are counted", "[judge]") {
    Observed observed = seen(Rules::filter);
    observed.differences = {foreign_rule()};
    CHECK(judge(wanting(kArmed), observed).reason.find("more") == std::string::npos);
    observed.differences.push_back(foreign_rule());
    CHECK(judge(wanting(kArmed), observed).reason.find("(and 1 more)") != std::string::npos);
}

TEST_CASE("every summary has its word and exit code", "[judge]") {
    struct Row {
        Summary summary;
        const char* word;
        int code;
    };
    for (const Row& row : {Row{Summary::protected_, "PROTECTED", 0},
                           Row{Summary::locked, "LOCKED", 0}, Row{Summary::panic, "PANIC", 0},
                           Row{Summary::degraded, "DEGRADED", 1}, Row{Summary::paused, "PAUSED", 3},
                           Row{Summary::open, "OPEN", 3}, Row{Summary::unknown, "UNKNOWN", 4}}) {
        CHECK(word(row.summary) == row.word);
        CHECK(exit_code(row.summary) == row.code);
    }
}

TEST_CASE("the headline is true with the holes", "[judge]") {
    struct Row {
        void (*open)(Policy&);
        bool up;
        const char* headline;
    };
    const auto row = GENERATE(values<Row>({
        {[](Policy&) {}, true, "PROTECTED: traffic leaves only through wg0"},
        {[](Policy&) {}, false, "LOCKED: no tunnel is up, only packets to the VPN server leave"},
        {[](Policy& p) { p.tunnels[0].endpoints.clear(); }, false,
         "LOCKED: no tunnel is up, nothing leaves"},
        {[](Policy& p) { p.outbound = {AllowRule{}}; }, true,
         "PROTECTED, 1 hole: traffic leaves through wg0, and by the holes"},
        {[](Policy& p) {
             p.outbound = {AllowRule{}};
             p.lan.allow = true;
         },
         false,
         "LOCKED, 2 holes: no tunnel is up, traffic leaves only to the VPN server and by the "
         "holes"},
        {[](Policy& p) {
             p.scope = Scope::apps;
             p.apps = {{1000}, {5}, {"web.slice"}};
         },
         true,
         "PROTECTED, 1 hole: traffic of user 1000, group 5, cgroup web.slice leaves only through "
         "wg0; all others are free"},
        {[](Policy& p) {
             p.scope = Scope::apps;
             p.apps.users = {1000};
         },
         false,
         "LOCKED, 1 hole: no tunnel is up, nothing of user 1000 leaves; all others are free"},
        {[](Policy& p) {
             p.scope = Scope::apps;
             p.apps.users = {1000};
             p.lan.allow = true;
         },
         false,
         "LOCKED, 2 holes: no tunnel is up, nothing of user 1000 leaves but by the holes; all "
         "others are free"},
    }));
    State state = wanting(kArmed, row.up);
    row.open(state.policy);
    state.situation = decide(state);
    state.wanted = compile(state.policy, state.situation);

    CHECK(headline(judge(state, seen(Rules::filter))) == row.headline);
}

TEST_CASE("no headline says 'only' of a policy with another way out", "[judge][fail-closed]") {
    for (const bool up : {true, false}) {
        State state = wanting(kArmed, up);
        state.policy.outbound = {AllowRule{}};
        state.situation = decide(state);
        state.wanted = compile(state.policy, state.situation);
        for (const Service service : {Service::running, Service::stopped}) {
            const std::string said = headline(judge(state, seen(Rules::filter, service)));
            INFO(said);
            CHECK(said.find("only through") == std::string::npos);
            CHECK(said.find("nothing leaves") == std::string::npos);
            CHECK(said.find(", 1 hole: ") != std::string::npos);
        }
    }
}

TEST_CASE("holes that are not open are not counted", "[judge]") {
    State state = wanting(GENERATE(values<Intents>({kPanic, kDisarmed, kPaused})));
    state.policy.outbound = {AllowRule{}};
    state.situation = decide(state);
    state.wanted = compile(state.policy, state.situation);
    Observed observed = seen(state.wanted ? Rules::filter : Rules::absent);
    observed.paused = state.situation.state == StateName::paused;

    CHECK(judge(state, observed).holes == 0);
    CHECK(headline(judge(state, observed)).find("hole") == std::string::npos);
}

TEST_CASE("who is not root is told so, with the command", "[judge]") {
    Observed observed = seen(Rules::absent, Service::stopped);
    observed.unreadable = "Operation not permitted (EPERM)";
    observed.needs_root = true;

    const Judgement said = judge(wanting(kArmed), observed);

    CHECK(headline(said) == "UNKNOWN: this needs root: sudo killswitchd status");
    CHECK(exit_code(said.summary) == 4);
}

TEST_CASE("on-drop without a service waits for nothing", "[judge]") {
    State state = wanting(kArmed, false, Mode::on_drop);
    state.policy.boot = BootLock::open;
    state.policy.tunnels.push_back(ipsec_policy().tunnels[0]);
    state.situation = decide(state);
    state.wanted = compile(state.policy, state.situation);

    CHECK(judge(state, seen(Rules::absent)).reason ==
          "on-drop, waiting for wg0 or office to come up for the first time");
    CHECK(judge(state, seen(Rules::absent, Service::stopped)).reason ==
          "on-drop, but no service runs to wait for wg0 or office");
}
