// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ks::lab {

struct TunnelOptions {
    std::string interface = "tun0";
    Endpoint endpoint;
    std::size_t uplink = 0;     ///< Whose router the endpoint's host route goes through.
    std::uint32_t fwmark = 0;   ///< SO_MARK of the outer socket; 0: none.
    std::optional<uid_t> user;  ///< Owner of the outer socket ("meta skuid"), not of the process.
    std::optional<gid_t> group;
    std::string cgroup;  ///< Absolute path of a cgroup2 directory to move into, or empty.
};

/// Sets the routes a VPN sets: the endpoint via the uplink's router, 0/1, 128/1, ::/1 and 8000::/1
/// into the tunnel; and the guests' answers by `server_device`, the VPN server's interface.
[[nodiscard]] Status set_tunnel_routes(Lab& lab, const TunnelOptions& options,
                                       const std::string& server_device);
/// Takes back those that do not go with the tunnel's interface.
[[nodiscard]] Status take_back_tunnel_routes(Lab& lab, const TunnelOptions& options);

/// The client in the protected host, routed by set_tunnel_routes(). The lab must outlive it,
/// unmoved.
class TunnelClient {
  public:
    /// Opens the interface, sets it up and starts the process. It connects, and reconnects after
    /// a loss, by itself; use reach() to learn that it works.
    [[nodiscard]] static Result<TunnelClient> start(Lab& lab, const TunnelOptions& options);
    TunnelClient(const TunnelClient&) = delete;
    TunnelClient& operator=(const TunnelClient&) = delete;
    TunnelClient(TunnelClient&&) noexcept = default;
    TunnelClient& operator=(TunnelClient&&) = delete;
    /// Hard: as if it crashed. The interface is gone, the endpoint's host route stays.
    ~TunnelClient() = default;

    [[nodiscard]] Process& process() noexcept { return process_; }  ///< For kill, stop, resume.
    /// Orderly: takes its routes back, then ends; the interface goes with the process.
    [[nodiscard]] Status disconnect();

  private:
    TunnelClient(Lab& lab, TunnelOptions options, Process process);
    Lab* lab_;
    TunnelOptions options_;
    Process process_;
};

}  // namespace ks::lab
