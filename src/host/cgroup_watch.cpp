// SPDX-License-Identifier: GPL-2.0-or-later
#include "cgroup_watch.hpp"

#include "killswitchd/files.hpp"

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <sys/inotify.h>
#include <unistd.h>

namespace ks {

std::set<std::string> cgroups_of(const Policy& policy) {
    std::set<std::string> paths;
    for (const Tunnel& tunnel : policy.tunnels) {
        if (tunnel.only.cgroup) {
            paths.insert(*tunnel.only.cgroup);
        }
    }
    for (const AllowRule& exception : policy.outbound) {
        if (exception.cgroup) {
            paths.insert(*exception.cgroup);
        }
    }
    paths.insert(policy.apps.cgroups.begin(), policy.apps.cgroups.end());
    return paths;
}

CgroupWatch CgroupWatch::open(std::set<std::string> paths) {
    CgroupWatch watch;
    watch.paths_ = std::move(paths);
    if (!watch.paths_.empty()) {
        watch.inotify_ = Fd{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    }
    watch.look();
    return watch;
}

void CgroupWatch::drain() {
    alignas(inotify_event) std::array<char, 4096> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
    look();
}

void CgroupWatch::look() {
    ids_.clear();
    const std::string root = cgroup_root();
    for (const std::string& path : paths_) {
        // Every directory on the way, as far as it exists: the next one appears in the one before.
        // Order: watch, then look, or a directory made in between would be missed.
        for (std::size_t end = 0; end != std::string::npos;) {
            const std::string parent =
                end == 0 ? root : fmt::format("{}/{}", root, path.substr(0, end));
            ::inotify_add_watch(inotify_.get(), parent.c_str(),
                                IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR);
            end = path.find('/', end == 0 ? 0 : end + 1);
        }
        if (const auto id = cgroup_id(path)) {
            ids_[path] = *id;
        }
    }
}

}  // namespace ks
