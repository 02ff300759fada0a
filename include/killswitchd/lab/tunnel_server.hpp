// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/process.hpp"

#include <utility>

namespace ks::lab {

/// The lab's own VPN: a tun device over UDP, or over TCP with a length before each packet.
/// Payloads are scrambled, so no tag is readable outside. No authentication: it is for labs.
///
/// Inner addresses: client 10.99.0.2 and fd99::2, server 10.99.0.1 and fd99::1.
class TunnelServer {
  public:
    /// Serves the lab's UDP and TCP endpoints in the VPN node; the latest client gets the answers.
    /// \return EINVAL without an endpoint that can be served (ESP has no ports).
    [[nodiscard]] static Result<TunnelServer> start(Lab& lab);
    [[nodiscard]] Process& process() noexcept { return process_; }

  private:
    explicit TunnelServer(Process process) : process_(std::move(process)) {}
    Process process_;
};

}  // namespace ks::lab
