// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/situation.hpp"

#include <optional>
#include <set>
#include <string>

namespace ks {

/// The cgroups that a policy names.
[[nodiscard]] std::set<std::string> cgroups_of(const Policy& policy);

/// Makes kConfinedSlice where `policy` confines it and nobody has: without systemd, whose unit it
/// is. Best effort: whoever looks at its id sees whether it is there.
void make_confined_slice(const Policy& policy);

/// Follows cgroups by path: a service that is restarted gets a new cgroup with a new id.
/// Source: inotify(7); the kernel reports mkdir and rmdir in the cgroup file system.
class CgroupWatch {
  public:
    /// Never fails: without inotify, or without cgroup v2, ids() is what could be seen; see
    /// problem().
    [[nodiscard]] static CgroupWatch open(std::set<std::string> paths);

    [[nodiscard]] int fd() const noexcept { return inotify_.get(); }  ///< -1: nothing to watch.
    void drain();  ///< Reads what is queued and looks at every path again.
    [[nodiscard]] const CgroupIds& ids() const noexcept { return ids_; }
    /// Why a cgroup may come or go without a word, so that somebody has to drain() now and then.
    [[nodiscard]] const std::optional<Error>& problem() const noexcept { return problem_; }

  private:
    void look();

    std::set<std::string> paths_;
    Fd inotify_;
    CgroupIds ids_;
    std::optional<Error> problem_;
};

}  // namespace ks
