// SPDX-License-Identifier: GPL-2.0-or-later
#include "cgroup_watch.hpp"

#include "killswitchd/files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ks {

namespace {

constexpr mode_t kDirectoryMode = 0755;

}  // namespace

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
    std::ranges::copy(confined_cgroups(policy), std::inserter(paths, paths.end()));
    return paths;
}

void make_confined_slice(const Policy& policy) {
    const std::string root = cgroup_root();
    if (policy.scope != Scope::apps || root.empty()) {
        return;
    }
    const std::string slice = fmt::format("{}/{}", root, kConfinedSlice);
    ::mkdir(slice.substr(0, slice.rfind('/')).c_str(), kDirectoryMode);
    ::mkdir(slice.c_str(), kDirectoryMode);
}

CgroupWatch CgroupWatch::open(std::set<std::string> paths) {
    CgroupWatch watch;
    watch.paths_ = std::move(paths);
    if (!watch.paths_.empty()) {
        watch.inotify_ = Fd{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
        if (watch.fd() < 0) {
            watch.problem_ = Error{"cannot make an inotify instance", errno};
        }
    }
    watch.look();
    return watch;
}

void CgroupWatch::drain() {
    if (fd() < 0) {
        return look();
    }
    alignas(inotify_event) std::array<char, 4096> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
    look();
}

void CgroupWatch::look() {
    ids_.clear();
    if (fd() >= 0) {
        problem_.reset();
    }
    const std::string root = cgroup_root();
    for (const std::string& path : paths_) {
        // Every directory on the way, as far as it exists: the next one appears in the one before.
        // Order: watch, then look, or a directory made in between would be missed.
        for (std::size_t end = 0; end != std::string::npos;) {
            const std::string parent =
                end == 0 ? root : fmt::format("{}/{}", root, path.substr(0, end));
            constexpr std::uint32_t kEvents =
                IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;
            if (fd() >= 0 && ::inotify_add_watch(fd(), parent.c_str(), kEvents) < 0 &&
                errno != ENOENT) {
                problem_ = Error{fmt::format("cannot watch '{}'", parent), errno};
            }
            end = path.find('/', end == 0 ? 0 : end + 1);
        }
        if (const auto id = cgroup_id(path)) {
            ids_[path] = *id;
        }
    }
}

}  // namespace ks
