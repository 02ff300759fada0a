// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_support.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/diagnostic.hpp"

#include <array>
#include <cstddef>
#include <random>
#include <string>

using namespace ks;
using namespace ks::testing;

namespace {

constexpr unsigned kSeed = 20260727;
constexpr int kRounds = 20'000;

const std::array<std::string, 30> kPieces{
    "\n",
    "  ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "&a ",
    "*a",
    "<<: ",
    "!!",
    "|\n",
    ">\n",
    "---\n",
    "...\n",
    "\t",
    "# ",
    "? ",
    "%",
    "\\x00",
    "~",
    "\xff",
    "\xc3\xa4",
    "0x",
    "999999999999",
    "tunnels:\n  - interface: wg1\n",
    ",",
};

class Mutator {
  public:
    explicit Mutator(unsigned seed) : random_(seed) {}

    std::string mutate(std::string text) {
        for (std::size_t left = 1 + below(4); left > 0; --left) {
            change(text);
        }
        return text;
    }

  private:
    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

    void change(std::string& text) {
        const std::size_t at = below(text.size() + 1);
        switch (below(5)) {
        case 0:
            text.erase(at, below(12));
            break;
        case 1:
            text.insert(at, kPieces[below(kPieces.size())]);
            break;
        case 2:
            text.insert(at, text.substr(below(text.size()), below(60)));
            break;
        case 3:
            text.resize(at);
            break;
        default:
            if (at < text.size()) {
                text[at] = static_cast<char>(below(256));
            }
        }
    }

    std::mt19937 random_;
};

}  // namespace

TEST_CASE("20000 damaged configs never yield a policy together with an error",
          "[config][robustness]") {
    const std::string intact = kAlways +
                               "dns: { servers: [10.2.0.1] }\n"
                               "lan: { allow: true, networks: [192.168.0.0/16] }\n"
                               "guests: { interfaces: [br0], reach: tunnel }\n"
                               "allow: { outbound: [{ to: 9.9.9.9, ports: [443/tcp] }] }\n"
                               "raw: allow\n"
                               "log: { blocked: false, rate: 10/second }\n"
                               "control: { admin_group: \"\", read: group admins }\n";
    REQUIRE(parse_text(intact).ok());
    Mutator mutator(kSeed);
    int accepted = 0;
    int refused = 0;

    for (int round = 0; round < kRounds; ++round) {
        const std::string text = mutator.mutate(intact);
        const LoadedConfig loaded = parse_text(text);
        const bool has_errors = errors_in(loaded) != 0;
        if (loaded.ok() == has_errors) {
            CAPTURE(text);
            FAIL("a policy and an error, or neither");
        }
        for (const Diagnostic& diagnostic : loaded.diagnostics) {
            if (render(diagnostic).empty() || (diagnostic.line == 0) != (diagnostic.column == 0)) {
                CAPTURE(text, diagnostic.message);
                FAIL("a finding without a proper position");
            }
        }
        ++(loaded.ok() ? accepted : refused);
    }

    CHECK(accepted > kRounds / 100);  // Else the generator reaches nothing behind the first check.
    CHECK(refused > kRounds / 2);
}
