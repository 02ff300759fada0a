// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/reconnect_requests.hpp"
#include "become.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/log.hpp"
#include "options.hpp"
#include "terminal.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks::cli {

/// For the unit that may start programs, which the service may not.
int reconnect(const Options& options) {
    const LoadedConfig config = load_config(options.paths.config);
    if (!config.ok()) {
        complain("the config cannot be used, so no unit is restarted", "killswitchd check");
        return kConfigInvalid;
    }
    const auto units = take_requests(options.paths, *config.policy);
    if (!units) {
        return fail(units.error());
    }
    if (units->empty()) {
        return kDone;
    }
    log(Severity::notice, "reconnect", fmt::format("restarting {}", fmt::join(*units, ", ")));
    // No waiting: a VPN may take minutes, and the next request must not.
    std::vector<std::string> argv{"systemctl", "--no-block", "restart", "--"};
    argv.insert(argv.end(), units->begin(), units->end());
    return become(argv);
}

}  // namespace ks::cli
