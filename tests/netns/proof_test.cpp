// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/drills/adapt.hpp"
#include "../../src/drills/drills.hpp"
#include "../../src/drills/exceptions.hpp"
#include "../../src/drills/tally.hpp"
#include "../../src/drills/verdict.hpp"
#include "../../src/proof/proof.hpp"
#include "catch.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/policy.hpp"
#include "support/programs.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include <fmt/format.h>

using namespace ks;
using drills::Fate;
using drills::Outcome;
using proof::Conclusion;

namespace {

const std::string kTunnel = R"(version: 1
mode: always
tunnels:
  - interface: wg0
    endpoints: [203.0.113.7:51820/udp, 203.0.113.8:51820/udp]
)";
const std::string kOnly = "    only: { fwmark: 0xca6c }\n";

const drills::Drill& named(const std::string& name) {
    return name == "exceptions" ? drills::exceptions()
                                : *std::ranges::find(drills::all(), name, &drills::Drill::name);
}

/// What `test --drill NAME` finds out about that config.
proof::Proof proof_of(const std::string& text, const std::string& drill) {
    test::require_programs({});
    const LoadedConfig config = parse_config({{"/etc/killswitchd.yaml", text}}, system_names());
    REQUIRE(config.ok());
    const drills::Adapted adapted = drills::adapt(*config.policy);
    auto verdict = drills::play(named(drill), adapted.policy, test::killswitchd());
    if (!verdict) {
        FAIL(verdict.error().message());
    }
    proof::Proof proof;
    auto& list = drill == "exceptions" ? proof.exceptions : proof.drills;
    list.push_back(proof::played(named(drill), std::move(verdict), 0, config, *config.policy));
    proof::add_holes(proof, adapted, config);
    for (const std::string& reason : list.front().verdict.reasons()) {
        fmt::print("{}: {}\n", drill, reason);
    }
    return proof;
}

std::size_t fates(const drills::Tally& tally, Fate fate) {
    std::size_t all = 0;
    for (const drills::BurstFates& burst : tally.bursts) {
        all += static_cast<std::size_t>(std::ranges::count(burst.fates, fate));
    }
    return all;
}

}  // namespace

TEST_CASE("what the config allows passes, and nothing that resembles it", "[proof]") {
    const proof::Proof proof = proof_of(kTunnel + kOnly + R"(lan: { allow: true, inbound: true }
allow:
  outbound:
    - { to: 192.0.2.0/24, ports: [443/tcp], user: 34 }
    - { to: "2001:db8:77:9::/64" }
    - { to: 203.0.113.128/25, interface: eth9, ports: [5000-5010/udp, 22/tcp] }
    - { cgroup: system.slice/backup.service, ports: [123/udp] }
  inbound:
    - { from: 198.51.100.0/24, ports: [22/tcp] }
    - { from: 192.168.77.0/24, ports: [8080/udp] }
)",
                                        "exceptions");

    const drills::Verdict& verdict = proof.exceptions.front().verdict;
    CHECK(verdict.outcome() == Outcome::holds);
    CHECK(verdict.without.tally.escaped > 10);
    REQUIRE(proof.holes.size() == 7);
    for (const proof::Hole& hole : proof.holes) {
        INFO(hole.text << " " << hole.place);
        CHECK(hole.tried > 0);
        CHECK(hole.left == hole.tried);
        CHECK_FALSE(hole.place.empty());
    }
}

TEST_CASE("a config that is wide open does not hold", "[proof]") {
    const proof::Proof proof =
        proof_of(kTunnel + kOnly + "allow: { outbound: [{ to: 0.0.0.0/0 }] }\n", "steady");

    CHECK(proof.conclusion() == Conclusion::open);
    CHECK(proof.holes.front().packets > 0);
    CHECK(proof.drills.front().verdict.with.tally.escaped == 0);
}

TEST_CASE("a tunnel without only leaks, with the line that is to blame", "[proof]") {
    const proof::Proof proof = proof_of(kTunnel, "steady");

    CHECK(proof.conclusion() == Conclusion::leaks);
    REQUIRE(proof.drills.front().leaked.size() == 1);
    CHECK(proof.drills.front().leaked.front().because ==
          "tunnel wg0 has no `only` (killswitchd.yaml:4)");
}

TEST_CASE("a boot that is open leaks in the boot window", "[proof]") {
    const proof::Proof proof = proof_of(kTunnel + kOnly + "boot: open\n", "boot");

    CHECK(proof.conclusion() == Conclusion::leaks);
    REQUIRE_FALSE(proof.drills.front().leaked.empty());
    CHECK(proof.drills.front().leaked.front().fix == "boot: lock");
}

TEST_CASE("with scope: apps an app is confined and the rest is shown as free", "[proof]") {
    const std::string config =
        kTunnel + kOnly + "scope: apps\napps: { cgroups: [system.slice/torrent.service] }\n";

    const proof::Proof proof = proof_of(config, "killed");

    const drills::Verdict& verdict = proof.drills.front().verdict;
    CHECK(verdict.outcome() == Outcome::holds);
    CHECK(verdict.without.tally.escaped > 50);
    CHECK(proof.holes.front().packets > 0);
    CHECK(proof.conclusion() == Conclusion::holds);
}

TEST_CASE("a probe that went through the tunnel is known as one, and the rules are read back",
          "[proof]") {
    const proof::Proof proof = proof_of(kTunnel + kOnly, "steady");

    const drills::Verdict& verdict = proof.drills.front().verdict;
    CHECK(fates(verdict.with.tally, Fate::tunnel) > 5);
    CHECK(fates(verdict.with.tally, Fate::clear) == 0);
    CHECK(fates(verdict.without.tally, Fate::clear) == verdict.without.tally.escaped);
    CHECK(verdict.rules.find("table inet killswitchd") != std::string::npos);
}
