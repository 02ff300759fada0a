// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "host/state_line.hpp"
#include "killswitchd/judge.hpp"
#include "killswitchd/paths.hpp"

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include <sys/types.h>

using namespace ks;

namespace {

constexpr pid_t kService = 7;

std::set<std::string> marks_in(const std::string& directory) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (const std::string name = entry.path().filename(); name.starts_with("is-")) {
            names.insert(name);
        }
    }
    return names;
}

}  // namespace

TEST_CASE("a state that is not verified, or that nobody keeps true, is guarded by nobody",
          "[state-line][fail-closed]") {
    const auto [state, verified, keeper, mark] = GENERATE(
        table<std::string, bool, pid_t, std::string>({{"protected", true, kService, "protected"},
                                                      {"locked", true, kService, "locked"},
                                                      {"panic", true, kService, "locked"},
                                                      {"disarmed", true, kService, "unguarded"},
                                                      {"paused", true, kService, "unguarded"},
                                                      {"unknown", true, kService, "unguarded"},
                                                      {"protected", false, kService, "unguarded"},
                                                      {"locked", false, kService, "unguarded"},
                                                      {"protected", true, 0, "unguarded"},
                                                      {"locked", true, 0, "unguarded"}}));
    Judgement judgement;
    judgement.state = state;
    judgement.verified = verified;

    CAPTURE(state, verified, keeper);
    CHECK(word(mark_of(judgement, keeper)) == mark);
}

TEST_CASE("exactly one mark of the state is in the folder", "[state-line]") {
    std::string directory = "/tmp/killswitchd-marks-XXXXXX";
    REQUIRE(::mkdtemp(directory.data()) != nullptr);
    Paths paths;
    paths.runtime_dir = directory;
    Judgement judgement;
    judgement.verified = true;

    for (const char* const state : {"locked", "protected", "protected", "disarmed", "protected"}) {
        judgement.state = state;
        REQUIRE(write_state(paths, judgement, kService));
        CHECK(marks_in(directory) ==
              std::set<std::string>{"is-" + std::string(word(mark_of(judgement, kService)))});
    }
    std::filesystem::remove_all(directory);
}
