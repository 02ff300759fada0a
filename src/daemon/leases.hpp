// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/control_server.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lease.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ks {

/// Endpoints that are open for as long as the connection of who asked for them.
class Leases {
  public:
    using Holder = ControlServer::ClientId;
    /// Of one user, root excepted, whom the number of connections limits.
    static constexpr std::size_t kMaxOfUser = 16;
    /// Of all users together: each endpoint is a rule that packets pass by.
    static constexpr std::size_t kMaxEndpoints = 128;

    /// \return why not; then nothing has changed.
    [[nodiscard]] Status add(Holder holder, const Peer& peer, const LeaseWish& wish);
    [[nodiscard]] std::string described(Holder holder) const;  ///< What it holds, for people.
    /// \return what ended, for people; empty when it held nothing.
    std::string end(Holder holder);
    void end_all() { leases_.clear(); }

    /// Under kLeases, in the order in which they were asked for.
    [[nodiscard]] KnownEndpoints known() const;
    /// Those that rules are about.
    [[nodiscard]] std::vector<std::string> cgroups() const;

  private:
    struct Lease {
        std::uint32_t uid = 0;
        std::vector<KnownEndpoint> endpoints;
    };
    std::map<Holder, Lease> leases_;
};

/// The systemd unit in a line of /proc/PID/cgroup, such as "openvpn-client@home.service"; empty
/// where there is none.
[[nodiscard]] std::string unit_in(const std::string& cgroup_file);

}  // namespace ks
