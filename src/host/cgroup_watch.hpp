// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/handle.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/situation.hpp"

#include <set>
#include <string>

namespace ks {

/// The cgroups that a policy names.
[[nodiscard]] std::set<std::string> cgroups_of(const Policy& policy);

/// Follows cgroups by path: a service that is restarted gets a new cgroup with a new id.
/// Source: inotify(7); the kernel reports mkdir and rmdir in the cgroup file system.
class CgroupWatch {
  public:
    /// Never fails: without inotify, or without cgroup v2, ids() is what could be seen.
    [[nodiscard]] static CgroupWatch open(std::set<std::string> paths);

    [[nodiscard]] int fd() const noexcept { return inotify_.get(); }  ///< -1: nothing to watch.
    void drain();  ///< Reads what is queued and looks at every path again.
    [[nodiscard]] const CgroupIds& ids() const noexcept { return ids_; }

  private:
    void look();

    std::set<std::string> paths_;
    Fd inotify_;
    CgroupIds ids_;
};

}  // namespace ks
