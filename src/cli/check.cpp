// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/config.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/holes.hpp"
#include "killswitchd/policy.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>

#include <fmt/format.h>

namespace ks::cli {

namespace {

std::string counted(std::ptrdiff_t number, const char* what) {
    return fmt::format("{} {}{}", number == 0 ? "no" : fmt::format("{}", number), what,
                       number == 1 ? "" : "s");
}

}  // namespace

int check(const Options& options) {
    const std::string& file = options.file.empty() ? options.paths.config : options.file;
    const LoadedConfig config = load_config(file);
    complain(config.diagnostics);
    const auto errors =
        std::ranges::count(config.diagnostics, Diagnostic::Severity::error, &Diagnostic::severity);
    const auto warnings = static_cast<std::ptrdiff_t>(config.diagnostics.size()) - errors;
    if (!config.ok()) {
        fmt::print(stderr, "{}: {}, {}\n", file, counted(errors, "error"),
                   counted(warnings, "warning"));
        return kConfigInvalid;
    }
    for (const std::string& hole : holes(*config.policy, known_endpoints(*config.policy))) {
        fmt::print("hole: {}\n", hole);
    }
    fmt::print("{}: valid, {}\n", file, counted(warnings, "warning"));
    return kDone;
}

}  // namespace ks::cli
