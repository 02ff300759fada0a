// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <string>
#include <vector>

namespace ks::lab {

/// A lease as a client gets it that uses the IP stack (UDP 68 to 67).
struct DhcpLease {
    IpAddress address;
    IpAddress server;
    std::vector<Prefix> routes;  ///< Option 121, all through the router.
};

/// Discover, request. Configures nothing. ETIMEDOUT, or the errno of sending, without an answer.
[[nodiscard]] Result<DhcpLease> dhcp_lease(Node& from, const std::string& device,
                                           Millis limit = Millis{2000});
/// Unicast renewal; `lease.address` must be configured on `device`.
[[nodiscard]] Result<DhcpLease> dhcp_renew(Node& from, const std::string& device,
                                           const DhcpLease& lease, Millis limit = Millis{2000});

}  // namespace ks::lab
