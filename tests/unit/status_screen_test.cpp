// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "cli/status_screen.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/desired_tables.hpp"
#include "policies.hpp"
#include "random_policy.hpp"
#include "random_world.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

using namespace ks;
using namespace ks::test;

namespace {

constexpr const char* kStart = "sudo systemctl start killswitchd";

StatusReport report_of(State state, Observed observed) {
    const ConfigInfo info{{"/etc/killswitchd/killswitchd.yaml"}, "0", "1970-01-01T10:00:00.000Z"};
    return make_report(state, observed, {Result<ObservedTables>(ObservedTables{}), false}, info);
}

Observed locks() {
    Observed observed;
    observed.rules = Observed::Rules::filter;
    observed.service = Observed::Service::running;
    return observed;
}

State state_with(Policy policy, LinkTable links) {
    State state;
    state.policy = std::move(policy);
    state.links = std::move(links);
    state.situation = decide(state);
    state.wanted = compile(state.policy, state.situation);
    return state;
}

std::string screen_of(const StatusReport& report) {
    return cli::status_screen(report, 0, kStart);
}

void check_width(const std::string& screen) {
    std::istringstream lines(screen);
    for (std::string line; std::getline(lines, line);) {
        INFO(line);
        CHECK(line.size() <= 80);
    }
}

}  // namespace

TEST_CASE("no line of a status screen is longer than a terminal is wide", "[status]") {
    const CgroupIds cgroups{{"vpn.slice/some-client@and-a-long-name-of-its-instance.service", 7}};
    for (unsigned seed = 0; seed < 400; ++seed) {
        Dice dice(seed);
        State state;
        state.policy = random_policy(dice, cgroups);
        state.links = random_links(dice);
        state.situation = random_situation(dice, state.policy, cgroups);
        state.wanted = compile(state.policy, state.situation);
        Observed observed = locks();
        observed.service =
            dice.chance(50) ? Observed::Service::running : Observed::Service::stopped;
        observed.rules = dice.chance(80) ? Observed::Rules::filter : Observed::Rules::absent;
        if (dice.chance(20)) {
            observed.broken_config =
                "/etc/killswitchd/killswitchd.yaml:17:3: error: " + std::string(90, 'x');
        }
        StatusReport report = report_of(state, observed);
        report.since = report.config.loaded;
        report.last_error = std::string(200, 'e');
        report.confirm_within = 3600;
        report.paused_for = 86400;
        for (const char* const reason : {"ipv6", "dns", "lan", "endpoint-guard", "guest", "raw"}) {
            report.counters[reason] = {18446744073709551615U, 1};
        }
        check_width(screen_of(report));
    }
}

TEST_CASE("a screen says since when, and of which config", "[status]") {
    StatusReport report = report_of(state_with(wireguard_policy(), {}), locks());
    CHECK(screen_of(report).find("  since ") == std::string::npos);
    report.since = "1970-01-01T00:00:00.000Z";
    CHECK(cli::status_screen(report, 59, kStart).find("(59 s)\n") != std::string::npos);
    CHECK(cli::status_screen(report, 3599, kStart).find("(59 min)\n") != std::string::npos);
    CHECK(cli::status_screen(report, 3661, kStart).find("(1 h 1 min)\n") != std::string::npos);
    CHECK(cli::status_screen(report, 200000, kStart).find("(2 days)\n") != std::string::npos);
    CHECK(screen_of(report).find("unchanged since") != std::string::npos);
    report.config.changed = true;
    CHECK(screen_of(report).find("CHANGED on disk since: sudo killswitchd reload") !=
          std::string::npos);
}

TEST_CASE("a tunnel that is refused says why, and the hint is not to start it", "[status]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].kind = "wireguard";
    const std::string screen =
        screen_of(report_of(state_with(policy, links_with("wg0", "tun", true)), locks()));
    CHECK(screen.find("home: wg0 is up but not used: it is a tun device") != std::string::npos);
    CHECK(screen.find("hint: correct the tunnel in the config, then: sudo killswitchd reload") !=
          std::string::npos);
    CHECK(screen.find("start the VPN") == std::string::npos);
}

TEST_CASE("a tunnel that is up is called up also where nothing is blocked", "[status]") {
    State state = state_with(wireguard_policy(), links_with("wg0", "wireguard", true));
    state.intents.disarmed = true;
    state.situation = decide(state);
    state.wanted = std::nullopt;
    Observed observed = locks();
    observed.rules = Observed::Rules::absent;
    CHECK(screen_of(report_of(state, observed)).find("home: wg0 (wireguard) up") !=
          std::string::npos);
}

TEST_CASE("of many endpoints the first few are named in one line", "[status]") {
    Policy policy = wireguard_policy();
    for (std::uint16_t port = 1; port < 300; ++port) {
        policy.tunnels[0].endpoints.push_back(udp("203.0.113.8", port));
    }
    const std::string screen = screen_of(report_of(state_with(policy, {}), locks()));
    CHECK(screen.find("and 297 more") != std::string::npos);
    CHECK(std::count(screen.begin(), screen.end(), '\n') < 20);
}

TEST_CASE("who may not look sees one line", "[status]") {
    Observed observed;
    observed.needs_root = true;
    CHECK(screen_of(report_of(State{}, observed)) ==
          "UNKNOWN: this needs root: sudo killswitchd status\n");
}

TEST_CASE("packet sockets are blocked where that was read back, and nowhere else",
          "[status][raw][fail-closed]") {
    State state;
    state.raw_support = GENERATE(RawSupport::kernel_can, RawSupport::every_device);
    const bool every = state.raw_support == RawSupport::every_device;
    state.policy = wireguard_policy();
    state.links = {{2, {"eth0", "", true, {}}}, {3, {"eth1", "", true, {}}}};
    state.situation = decide(state);
    state.wanted = compile(state.policy, state.situation);
    ObservedTables tables = *desired_tables(*state.wanted);
    std::vector<ObservedChain>& chains = tables.at(TableFamily::netdev).chains;
    const auto report = [&] {
        const ConfigInfo info{{"/etc/killswitchd/killswitchd.yaml"}, "0", {}};
        return make_report(state, locks(), {Result<ObservedTables>(tables), false}, info);
    };
    using Names = std::vector<std::string>;
    const Names all = every ? Names{"*"} : Names{"eth0", "eth1"};
    REQUIRE(report().raw == "blocked");
    REQUIRE(report().raw_blocked == all);
    REQUIRE(report().raw_open.empty());

    SECTION("a rule of one is missing") {
        chains.front().rules.pop_back();
        CHECK(report().raw == (every ? "allowed" : "partly"));
        CHECK(report().raw_open == (every ? all : Names{"eth0"}));
        CHECK_THAT(screen_of(report()),
                   contains_text(every ? "bridged guests are not blocked" : "not on eth0"));
    }
    SECTION("one is attached elsewhere") {
        chains.back().base = "type filter hook egress device nowhere priority 300; policy drop;";
        CHECK(report().raw_open == (every ? all : Names{"eth1"}));
    }
    SECTION("the table sleeps") {
        tables.at(TableFamily::netdev).dormant = true;
        CHECK(report().raw == "allowed");
        CHECK(report().raw_open == all);
    }
    SECTION("the table is gone") {
        tables.erase(TableFamily::netdev);
        CHECK(report().raw == "allowed");
    }
    SECTION("the kernel cannot") {
        state.raw_support = RawSupport::kernel_cannot;
        state.situation = decide(state);
        state.wanted = compile(state.policy, state.situation);
        CHECK(report().raw == "unsupported");
        CHECK(report().holes ==
              Names{"raw: this kernel cannot block packet sockets and bridged guests"});
    }
    SECTION("nobody asked for it") {
        state.policy.raw = Raw::allow;
        state.wanted = compile(state.policy, state.situation);
        CHECK(report().raw == "allowed");
        CHECK(report().holes == Names{"raw: packet sockets and bridged guests are not blocked"});
    }
}
