// SPDX-License-Identifier: GPL-2.0-or-later
#include "fetch.hpp"
#include "metrics_text.hpp"
#include "options.hpp"
#include "terminal.hpp"

#include <cstdio>
#include <ctime>

#include <fmt/format.h>

namespace ks::cli {

int metrics(const Options& options) {
    Options silent = options;
    silent.quiet = true;
    const auto report = fetch_report_for_anybody(silent);
    if (!report) {
        return fail(report.error());
    }
    fmt::print("{}", metrics_text(*report, std::time(nullptr)));
    return kDone;
}

}  // namespace ks::cli
