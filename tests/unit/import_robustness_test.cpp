// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "import_samples.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/vpn_file.hpp"

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>

using namespace ks;
using namespace ks::testing;

namespace {

constexpr unsigned kSeed = 20261121;
constexpr int kRounds = 3'000;

/// What holds of every text, however damaged.
void check(const std::string& path, const std::string& text) {
    const VpnFile file = parse_vpn_file(path, text);
    const auto lines = static_cast<unsigned>(std::ranges::count(text, '\n') + 1);
    bool good = !file.broken() || file.servers.empty();
    for (const VpnFile::Server& server : file.servers) {
        good = good && server.line >= 1 && server.line <= lines;
        good = good && (server.endpoint.port == 0) == (server.endpoint.protocol == proto::kEsp);
    }
    for (const Diagnostic& finding : file.findings) {
        good = good && (finding.line == 0) == (finding.column == 0) && finding.line <= lines;
        good = good && !render(finding).empty();
    }
    if (!good) {
        CAPTURE(path, text);
        FAIL("servers in spite of an error, or something without a proper place");
    }
}

}  // namespace

TEST_CASE("a file cut off anywhere is read without harm", "[import][robustness]") {
    for (const Sample& sample : kSamples) {
        REQUIRE(!parse_vpn_file(sample.path, sample.text).servers.empty());
        for (std::size_t end = 0; end <= sample.text.size(); ++end) {
            check(sample.path, sample.text.substr(0, end));
        }
    }
}

TEST_CASE("a file with bytes changed is read without harm", "[import][robustness]") {
    const std::string signs = "{}[]<>=\"'\\#;:,%\n\r\t \xff";
    std::mt19937 random(kSeed);
    int broken = 0;
    for (int round = 0; round < kRounds; ++round) {
        const Sample& sample = kSamples[random() % kSamples.size()];
        std::string text = sample.text;
        for (auto left = 1 + random() % 4; left > 0; --left) {
            const std::size_t at = random() % text.size();
            const char byte = random() % 2 == 0 ? signs[random() % signs.size()]
                                                : static_cast<char>(random() % 256);
            text[at] = byte;
        }
        check(sample.path, text);
        broken += parse_vpn_file(sample.path, text).broken() ? 1 : 0;
    }
    CHECK(broken > kRounds / 100);  // Else nothing is ever damaged where it matters.
    CHECK(broken < kRounds);
}
