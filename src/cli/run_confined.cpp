// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/status_report.hpp"
#include "become.hpp"
#include "fetch.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/judge.hpp"
#include "killswitchd/policy.hpp"
#include "options.hpp"
#include "terminal.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

namespace ks::cli {

namespace {

constexpr const char* kSystemdRun = "/usr/bin/systemd-run";

/// Source: sd_booted(3).
bool systemd_runs() {
    return ::access("/run/systemd/system", F_OK) == 0;
}

/// Whether a program would be confined that runs in the slice, as the kernel has it now.
bool confines(const StatusReport& report) {
    const Summary summary = report.judgement.summary;
    return report.judgement.verified &&
           (summary == Summary::protected_ || summary == Summary::locked ||
            summary == Summary::panic || summary == Summary::degraded);
}

/// Removes the cgroups of programs that have ended; the kernel keeps those that are in use.
void sweep(const std::string& slice) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(slice, ignored)) {
        if (entry.path().filename().string().starts_with("run-")) {
            ::rmdir(entry.path().c_str());
        }
    }
}

/// Moves this process into a cgroup of its own in the slice.
Status enter_slice() {
    const std::string root = cgroup_root();
    if (root.empty()) {
        return Error{"cgroup v2 is not mounted", ENOENT};
    }
    const std::string slice = fmt::format("{}/{}", root, kConfinedSlice);
    const std::string own = fmt::format("{}/run-{}", slice, ::getpid());
    constexpr mode_t kMode = 0755;
    sweep(slice);
    if (::mkdir(own.c_str(), kMode) != 0 && errno != EEXIST) {
        return Error{fmt::format("cannot make the cgroup '{}'", own), errno};
    }
    errno = 0;
    std::ofstream members(own + "/cgroup.procs");
    if (!(members << ::getpid() << std::flush)) {
        return Error{fmt::format("cannot move into the cgroup '{}'", own), errno};
    }
    return Done{};
}

/// systemd asks the person at the desktop where it has to.
std::vector<std::string> as_scope(const std::vector<std::string>& command) {
    const std::string slice = std::strrchr(kConfinedSlice, '/') + 1;
    std::vector<std::string> argv{kSystemdRun, "--quiet", "--scope", "--slice=" + slice, "--"};
    argv.insert(argv.end(), command.begin(), command.end());
    return argv;
}

}  // namespace

int run_confined(const Options& options) {
    const auto report = fetch_report_for_anybody(options);
    if (!report) {
        return fail(report.error());
    }
    if (!confines(*report)) {
        complain(fmt::format("nothing would be confined now: {}", headline(report->judgement)),
                 "killswitchd status");
        return kRefused;
    }
    if (systemd_runs() && ::access(kSystemdRun, X_OK) == 0) {
        return become(as_scope(options.command));
    }
    if (report->scope == "apps") {  // Else everything is.
        if (const auto entered = enter_slice(); !entered) {
            complain(entered.error().message(),
                     "as root: killswitchd run-confined -- setpriv --reuid=USER --regid=GROUP "
                     "--init-groups COMMAND");
            return kNoPermission;
        }
    }
    return become(options.command);
}

}  // namespace ks::cli
