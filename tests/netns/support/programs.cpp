// SPDX-License-Identifier: GPL-2.0-or-later
#include "programs.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <unistd.h>

namespace ks::test {

namespace {

constexpr int kSkipped = 77;

bool in_path(const std::string& program) {
    const char* const path = std::getenv("PATH");
    std::istringstream directories(path == nullptr ? "" : path);
    std::string directory;
    while (std::getline(directories, directory, ':')) {
        if (access((directory + "/" + program).c_str(), X_OK) == 0) {
            return true;
        }
    }
    return false;
}

}  // namespace

void skip(const std::string& why) {
    fmt::print("SKIPPED: {}\n", why);
    std::exit(kSkipped);
}

void require_programs(const std::vector<std::string>& programs) {
    if (geteuid() != 0) {
        skip("making network namespaces needs root");
    }
    const auto missing = std::ranges::find_if_not(programs, in_path);
    if (missing != programs.end()) {
        skip(fmt::format("{} is not installed", *missing));
    }
}

std::string killswitchd() {
    const char* const program = std::getenv("KS_PROGRAM");
    if (program == nullptr) {
        skip("KS_PROGRAM does not name the killswitchd to test; run it by `meson test`");
    }
    return program;
}

bool long_run() {
    return std::getenv("KS_LONG") != nullptr;
}

}  // namespace ks::test
