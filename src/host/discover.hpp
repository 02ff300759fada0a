// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/links.hpp"
#include "killswitchd/vpn_file.hpp"

#include <string>
#include <vector>

namespace ks {

/// A VPN of this machine: a file of its program, an interface, or both.
struct FoundVpn {
    std::string path;       ///< Empty: only the interface was found.
    VpnFile file;           ///< What stands there; nothing without a path.
    std::string program;    ///< "WireGuard", "OpenVPN", or the kind of the interface.
    std::string interface;  ///< Empty for IPsec by policy.
    bool up = false;        ///< Whether the interface is there, of a kind that wraps packets.
};

/// `path` as a VPN; its findings say when it is none.
[[nodiscard]] FoundVpn vpn_in(const std::string& path, const LinkTable& links);

/// What lies where programs of VPNs look for it below `etc` (/etc), and after that interfaces that
/// no such file is for. Files that name no VPN are left out.
[[nodiscard]] std::vector<FoundVpn> find_vpns(const std::string& etc, const LinkTable& links);

}  // namespace ks
