// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/lab/capture.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <vector>

namespace ks::drills {

/// Endpoints that the lab can serve.
[[nodiscard]] std::vector<Endpoint> playable_endpoints(const Tunnel& tunnel);
[[nodiscard]] std::vector<Endpoint> playable_endpoints(const Policy& policy);

/// What may leave the lab's host in clear under a policy without exceptions.
class Expectation {
  public:
    explicit Expectation(const Policy& policy);

    /// The local network, as far as the policy opens it to the host.
    [[nodiscard]] bool is_local(const lab::FrameInfo& frame) const;
    /// is_local(), the tunnel's outside, and what every link needs.
    [[nodiscard]] bool covers(const lab::FrameInfo& frame) const;

  private:
    lab::Permitted always_;
    std::vector<Prefix> local_;
    bool dns_;
};

}  // namespace ks::drills
