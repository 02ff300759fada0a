// SPDX-License-Identifier: GPL-2.0-or-later
#include "import_log.hpp"

#include "../host/imports.hpp"
#include "config_log.hpp"
#include "killswitchd/log.hpp"

#include <string>

#include <fmt/format.h>

namespace ks {

void log_imports(const ImportWatch& imports, const Policy& policy) {
    log_diagnostics(Severity::warning, findings_in(imports.seen(), policy));
    if (imports.problem()) {
        log(Severity::error, "import-unwatched",
            fmt::format("changes of imported files may be missed until a reload: {}",
                        imports.problem()->message()));
    }
}

std::string log_import(const ImportWatch::News& news) {
    log_diagnostics(Severity::warning, news.findings);
    std::string text;
    if (news.kept != 0) {
        text = fmt::format("{} cannot be used now; the servers known from it stay ({})", news.path,
                           news.kept);
    } else if (!news.change.empty()) {
        text = fmt::format("{}: {}", news.path, news.change);
    }
    if (!text.empty()) {
        log(news.kept != 0 ? Severity::warning : Severity::notice, "import-changed", text);
    }
    return text;
}

}  // namespace ks
