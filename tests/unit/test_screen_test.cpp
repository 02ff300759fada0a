// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "cli/options.hpp"
#include "cli/test_screen.hpp"
#include "drills/allowance.hpp"
#include "proof/json.hpp"
#include "proof/proof.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <sstream>
#include <string>
#include <utility>

using namespace ks;
using proof::Conclusion;

namespace {

cli::Options plain() {
    cli::Options options;
    options.color = cli::Color::never;
    return options;
}

/// A drill with so many probes that left, without and with the lock.
proof::Played drill(std::size_t without, std::size_t with) {
    proof::Played played{"steady", "steady state", "The VPN is up.", 1.5};
    played.verdict.without.tally.sent = played.verdict.with.tally.sent = 80;
    played.verdict.without.tally.escaped = without;
    played.verdict.with.tally.escaped = with;
    return played;
}

proof::Proof proof_of(proof::Played played) {
    proof::Proof proof;
    proof.drills.push_back(std::move(played));
    return proof;
}

proof::Hole hole(std::string text, std::size_t left, std::size_t tried) {
    proof::Hole one;
    one.text = std::move(text);
    one.place = "killswitchd.yaml:7";
    one.tried = tried;
    one.left = left;
    one.packets = left;
    return one;
}

std::size_t widest_line(const std::string& text) {
    std::istringstream lines(text);
    std::size_t widest = 0;
    for (std::string line; std::getline(lines, line);) {
        widest = std::max(widest, line.size());
    }
    return widest;
}

}  // namespace

TEST_CASE("a lock that let nothing out holds, and its exceptions stand in the verdict", "[proof]") {
    proof::Proof proof = proof_of(drill(33, 0));
    CHECK(cli::test_end(plain(), proof) ==
          "THE LOCK HOLDS: 1 of 1 drills: every leak was real without the kill switch, and\n"
          "  none was left with it\n");

    proof.holes = {hole("LAN: on-link private networks", 14, 14)};
    const std::string text = cli::test_end(plain(), proof);
    CHECK(text.find("14 of 14 probes left, as you allowed") != std::string::npos);
    CHECK(text.find("and 1 exception that you allowed") != std::string::npos);
}

TEST_CASE("a leak is told with its cause and its cure, the cause once", "[proof]") {
    proof::Played leaking = drill(264, 12);
    leaking.leaked = {{12, "udp 192.168.77.2 > 203.0.113.7:51820 by any program",
                       "tunnel wg0 has no `only` (killswitchd.yaml:4)",
                       "only: { fwmark: 0xca6c }"}};
    std::set<std::string> told;

    CHECK(cli::test_row(plain(), leaking, told) ==
          "  steady state                     80        264       12   LEAKS\n"
          "      12 udp 192.168.77.2 > 203.0.113.7:51820 by any program\n"
          "      because  tunnel wg0 has no `only` (killswitchd.yaml:4)\n"
          "      fix      only: { fwmark: 0xca6c }\n");
    CHECK(cli::test_row(plain(), leaking, told).find("because  as above\n") != std::string::npos);
    CHECK(cli::test_end(plain(), proof_of(leaking)) == "THE LOCK LEAKS: 1 of 1 drills\n");
}

TEST_CASE("a config that lets everything out never holds, whatever the drills say", "[proof]") {
    proof::Proof proof = proof_of(drill(33, 0));
    proof.holes = {hole("exception: packets to 0.0.0.0/0", 6, 6)};
    CHECK(proof.conclusion() == Conclusion::holds);
    proof.holes.front().wide = true;

    CHECK(proof.conclusion() == Conclusion::open);
    CHECK(proof.headline() == "THE LOCK IS OPEN, AS YOU ALLOWED");
    CHECK(proof.sentence() == "any program gets past the tunnel: exception: packets to 0.0.0.0/0 "
                              "(killswitchd.yaml:7)");
}

TEST_CASE("a drill whose control left nothing but what is allowed proves no lock", "[proof]") {
    proof::Played played = drill(0, 0);
    played.verdict.without.tally.allowed = {{3, 3, 3}};
    proof::Proof proof = proof_of(played);

    CHECK(proof.conclusion() == Conclusion::open);
    proof.holes = {hole("scope apps: whoever is not listed is free", 4, 4)};
    proof.holes.front().kind = drills::Allowance::Kind::apps;
    proof.drills.push_back(drill(33, 0));
    CHECK(proof.conclusion() == Conclusion::holds);
    CHECK(proof.headline() == "THE LOCK HOLDS FOR THE LISTED APPS");
}

TEST_CASE("what failed proves nothing, and neither does nothing", "[proof]") {
    proof::Played failed = drill(0, 0);
    failed.error = "cannot make a namespace";
    std::set<std::string> told;

    CHECK(proof_of(failed).conclusion() == Conclusion::unproven);
    CHECK(proof::Proof{}.conclusion() == Conclusion::unproven);
    CHECK(proof_of(drill(0, 0)).conclusion() == Conclusion::unproven);
    CHECK(cli::test_row(plain(), failed, told).find("because  cannot make a namespace") !=
          std::string::npos);
}

TEST_CASE("no line of the screen is wider than a terminal, whatever stands in the config",
          "[proof]") {
    proof::Played leaking = drill(193'230'111, 12);
    leaking.title = "config reload under a flood";
    leaking.leaked = {{7, std::string(200, 'x'), std::string(300, 'y') + " \033[2J", "z"}};
    proof::Proof proof = proof_of(leaking);
    proof.notes = {std::string(200, 'n')};
    proof.holes = {hole(std::string(150, 'h'), 0, 4)};
    std::set<std::string> told;

    const std::string text = cli::test_head(proof, 13) + cli::test_row(plain(), leaking, told) +
                             cli::test_end(plain(), proof);
    CHECK(widest_line(text) <= 80);
    CHECK(text.find('\033') == std::string::npos);
}

TEST_CASE("the JSON of a proof says what the screen says", "[proof]") {
    proof::Proof proof = proof_of(drill(33, 2));
    proof.holes = {hole("LAN: \xff", 1, 2)};

    const std::string text = proof::to_json(proof);
    for (const char* const part :
         {"\"schema\": 1", "\"conclusion\": \"leaks\"", "\"left_in_clear\": 2", "\"passed\": 1",
          "\"outcome\": \"leaks\"", "\"place\": \"killswitchd.yaml:7\""}) {
        INFO(part);
        CHECK(text.find(part) != std::string::npos);
    }
}
