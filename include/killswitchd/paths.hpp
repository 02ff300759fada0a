// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace ks {

/// Where the program finds its files; every path can be moved for tests and packagers.
struct Paths {
    std::string config = "/etc/killswitchd/killswitchd.yaml";
    std::string state_dir = "/var/lib/killswitchd";
    std::string runtime_dir = "/run/killswitchd";
    std::string hosts_file = "/etc/hosts";  ///< Where `dns.hosts` publishes names.

    [[nodiscard]] std::string socket() const { return runtime_dir + "/control.sock"; }
    [[nodiscard]] std::string resolver_socket() const { return runtime_dir + "/resolver.sock"; }
};

}  // namespace ks
