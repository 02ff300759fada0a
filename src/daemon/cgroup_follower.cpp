// SPDX-License-Identifier: GPL-2.0-or-later
#include "cgroup_follower.hpp"

#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ks {

CgroupsChanged CgroupFollower::follow(const Policy& policy, const std::vector<std::string>& more) {
    if (watch_ && watch_->fd() >= 0) {
        reactor_.forget(watch_->fd());
    }
    make_confined_slice(policy);
    std::set<std::string> paths = cgroups_of(policy);
    paths.insert(more.begin(), more.end());
    watch_.emplace(CgroupWatch::open(std::move(paths)));
    if (watch_->fd() >= 0) {
        static_cast<void>(reactor_.on_readable(watch_->fd(), [this] {
            look();
            look_again();
        }));
    }
    look_again();
    return now();
}

void CgroupFollower::look() {
    const CgroupIds before = watch_->ids();
    watch_->drain();
    if (watch_->ids() != before || watch_->problem()) {
        changed_(now());
    }
}

void CgroupFollower::look_again() {
    constexpr const char* kTimer = "cgroups";
    constexpr std::chrono::milliseconds kInterval{1000};
    if (!watch_->problem()) {
        return reactor_.cancel(kTimer);
    }
    reactor_.after(kTimer, kInterval, [this] {
        look();
        look_again();
    });
}

}  // namespace ks
