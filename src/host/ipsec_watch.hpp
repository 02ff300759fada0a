// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/ipsec_monitor.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/tunnels.hpp"

#include <optional>

namespace ks {

/// The IPsec policies, for a policy of ours that has a tunnel by them; else none are asked for.
class IpsecWatch {
  public:
    /// Never fails: where they cannot be seen, problem() says why and gateways() is empty.
    [[nodiscard]] static IpsecWatch open(const Policy& policy);

    [[nodiscard]] int fd() const noexcept;                            ///< -1: nothing to watch.
    [[nodiscard]] Result<bool> drain() { return monitor_->drain(); }  ///< Needs a fd().
    [[nodiscard]] IpsecGateways gateways() const;
    [[nodiscard]] const std::optional<Error>& problem() const noexcept { return problem_; }

  private:
    std::optional<IpsecMonitor> monitor_;
    std::optional<Error> problem_;
};

}  // namespace ks
