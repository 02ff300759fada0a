// SPDX-License-Identifier: GPL-2.0-or-later
#include "drill_report.hpp"

#include "../../../src/drills/verdict.hpp"
#include "catch.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/config.hpp"
#include "programs.hpp"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks::test {

void play_one(const std::string& title, const drills::Drill& drill, const Policy& policy,
              const drills::MakeVpn& make_vpn) {
    const auto start = std::chrono::steady_clock::now();
    const auto verdict = drills::play(drill, policy, killswitchd(), {.make_vpn = make_vpn});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    INFO(title << ": " << drill.title);
    if (!verdict) {
        FAIL(verdict.error().message());
    }
    fmt::print("{}, {}: without {}/{} probes escaped; with {}/{}, {} strays; {:.1f} s\n", title,
               drill.name, verdict->without.tally.escaped, verdict->without.tally.sent,
               verdict->with.tally.escaped, verdict->with.tally.sent, verdict->with.tally.strays,
               took.count());
    INFO(fmt::format("{}\n{}", fmt::join(verdict->reasons(), "\n"),
                     fmt::join(verdict->with.tally.examples, "\n")));
    CHECK(verdict->passed());
    if (!verdict->without.tally.failures.empty()) {
        FAIL("it fails without the lock too; the drills after this one would only wait for it");
    }
}

void play_all(const std::string& title, const Policy& policy, const drills::MakeVpn& make_vpn) {
    for (const drills::Drill& drill : drills::all()) {
        play_one(title, drill, policy, make_vpn);
    }
}

Policy demo_policy() {
    const char* const file = std::getenv("KS_DEMO");
    std::ifstream stream(file == nullptr ? "examples/demo.yaml" : file);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    const LoadedConfig config = parse_config({{"demo.yaml", text}}, system_names());
    if (!config.ok()) {
        FAIL("examples/demo.yaml does not load");
    }
    return *config.policy;
}

}  // namespace ks::test
