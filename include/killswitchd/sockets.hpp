// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"

#include <cstdint>
#include <vector>

namespace ks {

/// A socket of this network namespace, as sock_diag tells of it.
struct OpenSocket {
    IpAddress local;  ///< All zero: any.
    IpAddress remote;
    std::uint16_t local_port = 0;
    std::uint16_t remote_port = 0;
    bool established = false;  ///< Of TCP; of UDP: connected.
    std::uint32_t uid = 0;     ///< Of whoever made it.
    std::uint64_t inode = 0;   ///< 0: no program holds it any more.
    friend bool operator==(const OpenSocket&, const OpenSocket&) = default;
};

/// All sockets of TCP or UDP of one family. Sockets of IPv6 that talk IPv4 are among both. Needs no
/// privilege. Source: sock_diag(7).
[[nodiscard]] Result<std::vector<OpenSocket>> open_sockets(std::uint8_t protocol, IpFamily family);

}  // namespace ks
