// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/tunnels.hpp"
#include "policies.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;

namespace {

std::string rules_dir() {
    return std::getenv("KS_RULES_DIR");
}

std::string shipped(const std::string& name) {
    std::ifstream file(fmt::format("{}/{}", rules_dir(), name));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("the shipped rules are what the program commits", "[golden]") {
    struct Row {
        const char* name;
        std::string text;
    };
    const LoadedConfig config =
        parse_config({{"reference.yaml", shipped("reference.yaml")}}, system_names());
    REQUIRE(config.ok());
    const Policy& policy = *config.policy;
    const auto of = [&](StateName state, std::vector<LiveTunnel> up) {
        Situation situation = situation_of(policy, state);
        situation.tunnels_up = std::move(up);
        return render_text(compile(policy, situation).value());
    };
    for (const Row& row : {
             Row{"locked.nft", of(StateName::locked, {})},
             Row{"protected.nft", of(StateName::protected_, {{"wg0", policy.tunnels[0].kind}})},
             Row{"panic.nft", of(StateName::panic, {})},
             Row{"builtin-lock.nft", render_text(builtin_lock())},
         }) {
        if (std::getenv("KS_ACCEPT") != nullptr) {
            std::ofstream(fmt::format("{}/{}", rules_dir(), row.name)) << row.text;
        }
        CHECK(shipped(row.name) == row.text);
    }
    if (std::getenv("KS_ACCEPT") != nullptr) {
        std::exit(77);  // Accepting is not passing.
    }
}
