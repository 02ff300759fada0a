// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "host/observe.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/desired_tables.hpp"
#include "killswitchd/judge.hpp"
#include "killswitchd/step.hpp"
#include "policies.hpp"

#include <cerrno>
#include <string>

using namespace ks;
using namespace ks::test;

namespace {

/// Armed, with no tunnel up.
State armed() {
    State state;
    state.policy = wireguard_policy();
    state.links = links_with("wg0", "wireguard", false);
    state.situation = decide(state);
    state.wanted = compile(state.policy, state.situation);
    return state;
}

ObservedTables tables_of(const State& state) {
    auto tables = desired_tables(*state.wanted);
    REQUIRE(tables);
    return *tables;
}

Judgement judged(const State& state, const KernelView& view) {
    Observed observed = compare(state, view);
    observed.service = Observed::Service::running;
    return judge(state, observed);
}

}  // namespace

TEST_CASE("tables as they are wanted are a lock that is verified", "[observe]") {
    const State state = armed();
    const Judgement said = judged(state, {tables_of(state), false});

    CHECK(said.summary == Summary::locked);
    CHECK(said.verified);
}

TEST_CASE("tables that cannot be read are unknown, with and without the fallback table",
          "[observe][fail-closed]") {
    const bool fallback = GENERATE(false, true);
    const Judgement said = judged(armed(), {Error{"cannot ask the kernel", EPERM}, fallback});

    CHECK(said.summary == Summary::unknown);
    CHECK(said.reason.find("cannot ask the kernel") != std::string::npos);
    CHECK_FALSE(said.verified);
}

TEST_CASE("a fallback table that stands alone is seen and named", "[observe][fail-closed]") {
    const Judgement said = judged(armed(), {ObservedTables{}, true});

    CHECK(said.summary == Summary::degraded);
    CHECK(said.reason.find("fallback") != std::string::npos);
    CHECK(judged(armed(), {ObservedTables{}, false}).summary == Summary::open);
}

TEST_CASE("a table that drops nothing by itself is no lock", "[observe][fail-closed]") {
    const State state = armed();
    ObservedTables tables = tables_of(state);
    SECTION("dormant") {
        tables.at(TableFamily::inet).dormant = true;
    }
    SECTION("without chains") {
        tables.at(TableFamily::inet).chains.clear();
    }
    CHECK(compare(state, {tables, false}).rules == Observed::Rules::idle);
    CHECK(judged(state, {tables, false}).summary == Summary::open);
    CHECK_FALSE(judged(state, {tables, false}).verified);
}

TEST_CASE("rules that are not the wanted ones are named, and known again", "[observe]") {
    State state = armed();
    const ObservedTables locked = tables_of(state);
    state.intents.panic = true;
    state.situation = decide(state);
    state.wanted = compile(state.policy, state.situation);

    const Observed observed = compare(state, {locked, false});

    CHECK_FALSE(observed.differences.empty());
    CHECK(observed.resembles == StateName::locked);
    CHECK(judge(state, observed).summary == Summary::degraded);
}
