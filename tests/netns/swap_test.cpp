// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "dice.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "support/flood.hpp"
#include "support/private_network.hpp"
#include "support/table.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <fmt/format.h>

namespace {

using namespace ks;
using namespace ks::test;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kPackets = 1'000'000;
constexpr std::uint64_t kSwaps = 10'000;
constexpr std::chrono::seconds kLimit{600};  // Against a hang; no measure of speed.

/// A policy that lets the flood's endpoint through, by a linear rule or by a set.
Policy policy(std::size_t endpoints) {
    Policy made;
    made.mode = Mode::always;
    Tunnel tunnel{"home", "wg0", {}, {}, {}};
    for (std::size_t i = 0; i < endpoints; ++i) {
        tunnel.endpoints.push_back({*IpAddress::parse(kAllowedAddress), proto::kUdp,
                                    static_cast<std::uint16_t>(kAllowedPort + i)});
    }
    made.tunnels = {tunnel};
    return made;
}

Ruleset rules(std::size_t endpoints, StateName state) {
    const Policy chosen = policy(endpoints);
    Situation situation{state, {}, {}};
    situation.endpoints = known_endpoints(chosen);
    situation.around.uplinks = {{"up0", 0, {}}};  // Of Wire: what passes, passes both layers.
    if (state == StateName::protected_) {
        situation.tunnels_up = {{"wg0", {}}};
    }
    return *compile(chosen, situation);
}

/// `ruleset` with rules for other addresses at random places of the chains that the flood passes.
Ruleset interspersed(Ruleset ruleset, Dice& dice) {
    constexpr std::size_t kMost = 12;
    for (Chain& chain : ruleset.chains) {
        if (chain.hook != Hook::output && chain.hook != Hook::egress) {
            continue;
        }
        for (std::size_t i = dice.below(kMost); i > 0; --i) {
            const auto place =
                chain.rules.begin() + static_cast<std::ptrdiff_t>(dice.below(chain.rules.size()));
            const Prefix other = *Prefix::parse(fmt::format("10.77.0.{}", dice.below(kMost)));
            chain.rules.insert(place, Rule{{match::Family{IpFamily::v4}, match::Destination{other}},
                                           {},
                                           Verdict::accept,
                                           {},
                                           "other"});
        }
    }
    return ruleset;
}

struct Figures {
    std::uint64_t swaps = 0;
    double seconds = 0;
};

/// Calls `swap` with 0, 1, 2, ... until enough has been sent and swapped, or the time is up.
Figures swap_under(const Flood& flood, std::uint64_t packets, std::uint64_t swaps,
                   const std::function<void(std::uint64_t)>& swap) {
    const auto begin = Clock::now();
    Figures done;
    while (Clock::now() - begin < kLimit && (done.swaps < swaps || flood.tried() < packets)) {
        swap(done.swaps);
        ++done.swaps;
    }
    done.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    return done;
}

void print(const char* what, const Flood& flood, const Wire& wire, const Figures& figures) {
    fmt::print("{}: {} packets and {} state changes in {:.1f} s ({:.0f} us a change); leaked {} v4 "
               "and {} v6 of {}; of {} allowed packets {} were refused\n",
               what, flood.tried(), figures.swaps, figures.seconds,
               figures.seconds * 1e6 /
                   static_cast<double>(std::max<std::uint64_t>(1, figures.swaps)),
               wire.arrived("blocked4"), wire.arrived("blocked6"),
               flood.tallies().blocked4.tried + flood.tallies().blocked6.tried,
               flood.tallies().allowed.tried.load(), flood.tallies().allowed.refused.load());
}

void check_nothing_failed(const Flood& flood) {
    CHECK(flood.tallies().allowed.failed == 0);
    CHECK(flood.tallies().blocked4.failed == 0);
    CHECK(flood.tallies().blocked6.failed == 0);
}

void enter() {
    enter_private_network();
    need_programs({"nft"});
}

}  // namespace

TEST_CASE("without a table the far side counts every packet", "[swap]") {
    enter();
    const Wire wire;
    Nftables nftables = open_nftables(Ownership::off);
    require(nftables.apply(rules(1, StateName::locked)));
    require(nftables.remove());
    Flood flood;

    swap_under(flood, kPackets / 20, 0, [](std::uint64_t) {});
    flood.stop();

    const Flood::Shared& sent = flood.tallies();
    CHECK(flood.tried() >= kPackets / 20);
    CHECK(wire.arrived("allowed") == sent.allowed.tried);
    CHECK(wire.arrived("blocked4") == sent.blocked4.tried);
    CHECK(wire.arrived("blocked6") == sent.blocked6.tried);
    check_nothing_failed(flood);
}

TEST_CASE("a change by removing and loading leaks, and the far side notices", "[swap]") {
    enter();
    const Wire wire;
    Nftables nftables = open_nftables(Ownership::automatic);
    require(nftables.apply(rules(1, StateName::locked)));
    Flood flood;

    const Figures figures = swap_under(flood, kPackets / 20, kSwaps / 20, [&](std::uint64_t n) {
        require(nftables.remove());
        require(nftables.apply(rules(1, n % 2 == 0 ? StateName::protected_ : StateName::locked)));
    });
    flood.stop();

    print("remove and load", flood, wire, figures);
    CHECK(wire.arrived("blocked4") > 0);
    CHECK(wire.arrived("blocked6") > 0);
}

TEST_CASE("no change of state leaks a packet or loses one that both states allow",
          "[swap][fail-closed]") {
    enter();
    const Wire wire;
    Nftables nftables = open_nftables(Ownership::automatic);
    const std::vector<Ruleset> cycle{rules(1, StateName::locked), rules(1, StateName::protected_),
                                     rules(8, StateName::protected_), rules(12, StateName::locked),
                                     rules(5, StateName::protected_)};
    require(nftables.apply(cycle.back()));
    Flood flood;

    const Figures figures = swap_under(flood, kPackets, kSwaps, [&](std::uint64_t n) {
        require(nftables.apply(cycle[n % cycle.size()]));
    });
    flood.stop();

    print("locked and protected", flood, wire, figures);
    const Flood::Shared& sent = flood.tallies();
    CHECK(flood.tried() >= kPackets);
    CHECK(figures.swaps >= kSwaps);
    CHECK(wire.arrived("blocked4") == 0);
    CHECK(wire.arrived("blocked6") == 0);
    CHECK(sent.blocked4.refused == sent.blocked4.tried);
    CHECK(sent.blocked6.refused == sent.blocked6.tried);
    CHECK(sent.allowed.refused == 0);
    CHECK(wire.arrived("allowed") == sent.allowed.tried);
    check_nothing_failed(flood);
}

TEST_CASE("no change from and to panic leaks a packet", "[swap][fail-closed]") {
    enter();
    const Wire wire;
    Nftables nftables = open_nftables(Ownership::automatic);
    const std::vector<Ruleset> cycle{rules(8, StateName::locked), rules(8, StateName::panic),
                                     rules(1, StateName::protected_), rules(1, StateName::panic)};
    require(nftables.apply(cycle.back()));
    Flood flood;

    const Figures figures = swap_under(flood, kPackets / 4, kSwaps / 4, [&](std::uint64_t n) {
        require(nftables.apply(cycle[n % cycle.size()]));
    });
    flood.stop();

    print("panic", flood, wire, figures);
    const Flood::Shared& sent = flood.tallies();
    CHECK(wire.arrived("blocked4") == 0);
    CHECK(wire.arrived("blocked6") == 0);
    CHECK(sent.allowed.refused > 0);
    CHECK(sent.allowed.refused < sent.allowed.tried);
    // A packet between the two layers when panic begins is stopped by the second.
    CHECK(wire.arrived("allowed") <= sent.allowed.tried - sent.allowed.refused);
    CHECK(wire.arrived("allowed") > 0);
    check_nothing_failed(flood);
}

TEST_CASE("no difference in the middle of a chain leaks a packet or loses one",
          "[swap][fail-closed]") {
    enter();
    const Wire wire;
    Nftables nftables = open_nftables(Ownership::automatic);
    Dice dice(seed());
    const std::vector<Ruleset> bases{rules(3, StateName::locked), rules(5, StateName::protected_)};
    require(nftables.apply(bases.front()));
    Flood flood;

    const Figures figures = swap_under(flood, kPackets / 4, kSwaps / 4, [&](std::uint64_t n) {
        require(nftables.apply(interspersed(bases[n % bases.size()], dice)));
    });
    flood.stop();

    print("differences", flood, wire, figures);
    const Flood::Shared& sent = flood.tallies();
    CHECK(wire.arrived("blocked4") == 0);
    CHECK(wire.arrived("blocked6") == 0);
    CHECK(sent.allowed.refused == 0);
    CHECK(wire.arrived("allowed") == sent.allowed.tried);
    check_nothing_failed(flood);
}
