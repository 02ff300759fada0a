// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_log.hpp"

#include <string>

#include <fmt/format.h>

namespace ks {

namespace {

std::string one_line(const Diagnostic& diagnostic) {
    const std::string text = render(diagnostic);
    const std::string first = text.substr(0, text.find('\n'));
    return diagnostic.hint.empty() ? first : fmt::format("{} ({})", first, diagnostic.hint);
}

}  // namespace

void log_diagnostics(Severity severity, const std::vector<Diagnostic>& diagnostics) {
    for (const Diagnostic& diagnostic : diagnostics) {
        log(severity, "config", one_line(diagnostic));
    }
}

}  // namespace ks
