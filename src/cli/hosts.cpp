// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/hosts_file.hpp"
#include "killswitchd/files.hpp"
#include "options.hpp"
#include "terminal.hpp"

#include <cerrno>

namespace ks::cli {

/// For the unit that may write where the service may not.
int hosts(const Options& options) {
    const auto lines = read_trusted_file(options.paths.state_dir + "/hosts", kMaxHostsBytes);
    if (!lines && lines.error().sys_errno != ENOENT) {
        return fail(lines.error());
    }
    const Status done = publish_hosts(options.paths.hosts_file, lines ? *lines : "");
    return done ? kDone : fail(done.error());
}

}  // namespace ks::cli
