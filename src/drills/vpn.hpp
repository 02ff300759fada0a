// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <functional>
#include <memory>

namespace ks::drills {

/// The VPN of one stage: its server, and its client in the protected host. The inner addresses are
/// those of lab::addr, so that the internet sees the client as kTunnelHost.
class Vpn {
  public:
    Vpn() = default;
    Vpn(const Vpn&) = delete;
    Vpn& operator=(const Vpn&) = delete;
    virtual ~Vpn() = default;

    /// Serves the endpoints of the lab.
    [[nodiscard]] virtual Status start_server(lab::Lab& lab) = 0;
    /// Starts a client that connects to `endpoint`, whatever became of the one before. It leaves
    /// through `tunnel.interface`, marked and owned as `tunnel.only` says.
    [[nodiscard]] virtual Status connect(lab::Lab& lab, const Tunnel& tunnel,
                                         const Endpoint& endpoint) = 0;
    /// The client's process, to be killed or stopped; nullptr when there is none.
    [[nodiscard]] virtual lab::Process* client() = 0;
    /// Ends the client in good order, its routes taken back.
    [[nodiscard]] virtual Status disconnect(lab::Lab& lab) = 0;
};

/// Makes the VPN of each stage anew.
using MakeVpn = std::function<std::unique_ptr<Vpn>()>;

/// The lab's own tunnel.
[[nodiscard]] std::unique_ptr<Vpn> own_tunnel();

}  // namespace ks::drills
