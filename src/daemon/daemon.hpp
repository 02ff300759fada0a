// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace ks {

/// Where the program finds its files; every path can be moved for tests and packagers.
struct Paths {
    std::string config = "/etc/killswitchd/killswitchd.yaml";
    std::string state_dir = "/var/lib/killswitchd";
    std::string runtime_dir = "/run/killswitchd";

    [[nodiscard]] std::string socket() const { return runtime_dir + "/control.sock"; }
};

/// The service: keeps the kernel's rules what config, links and intents call for, until a signal.
/// Leaving, in whatever way, leaves the rules.
/// \return the exit code: 0 after SIGTERM or SIGINT, 1 when something failed, 5 for a bad config.
[[nodiscard]] int run_daemon(const Paths& paths);

}  // namespace ks
