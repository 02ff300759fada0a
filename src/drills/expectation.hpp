// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "allowance.hpp"
#include "killswitchd/lab/capture.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace ks::drills {

/// Endpoints that the lab can serve.
[[nodiscard]] std::vector<Endpoint> playable_endpoints(const Tunnel& tunnel);
[[nodiscard]] std::vector<Endpoint> playable_endpoints(const Policy& policy);

/// What may leave the lab's host in clear under an adapted policy.
class Expectation {
  public:
    explicit Expectation(const Policy& policy);

    /// The tunnel's outside, and what every link needs.
    [[nodiscard]] bool is_needed(const lab::FrameInfo& frame) const;
    /// Which one of allowances() lets the frame out.
    /// \param sender  Of the host's program that sent it; nullptr: a guest's, or nobody knows.
    [[nodiscard]] std::optional<std::size_t> allowed_by(const lab::FrameInfo& frame,
                                                        const lab::Sender* sender) const;
    /// How many allowances the policy has.
    [[nodiscard]] std::size_t allowances() const noexcept { return allowances_.size(); }
    /// As whom the drills' probes are sent: somebody whom the policy confines.
    [[nodiscard]] const lab::Sender& prober() const noexcept { return prober_; }

  private:
    [[nodiscard]] bool is_local(const lab::FrameInfo& frame) const;
    [[nodiscard]] bool is_confined(const lab::Sender& sender) const;
    [[nodiscard]] bool lets(const Allowance& allowance, const lab::FrameInfo& frame,
                            const lab::Sender* sender) const;

    Policy policy_;
    std::vector<Allowance> allowances_;
    lab::Permitted always_;
    std::vector<Prefix> local_;
    lab::Sender prober_;
};

}  // namespace ks::drills
