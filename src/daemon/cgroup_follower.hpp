// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/cgroup_watch.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/reactor.hpp"
#include "killswitchd/step.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// Follows the cgroups of the policy in force for the reactor: as the kernel tells, or by looking
/// every second where it cannot.
class CgroupFollower {
  public:
    /// \param changed  Called with what is there whenever that has changed.
    CgroupFollower(Reactor& reactor, std::function<void(CgroupsChanged)> changed)
        : reactor_(reactor), changed_(std::move(changed)) {}

    /// From now on those of `policy`, and `more`. \return what is there now; `changed` is not
    /// called for it.
    [[nodiscard]] CgroupsChanged follow(const Policy& policy, const std::vector<std::string>& more);

  private:
    void look();
    void look_again();  ///< And again, while there is a reason to.
    [[nodiscard]] CgroupsChanged now() const { return {watch_->ids(), watch_->problem()}; }

    Reactor& reactor_;
    std::function<void(CgroupsChanged)> changed_;
    std::optional<CgroupWatch> watch_;
};

}  // namespace ks
