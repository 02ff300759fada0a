// SPDX-License-Identifier: GPL-2.0-or-later
#include "discover.hpp"

#include "imports.hpp"
#include "killswitchd/tunnels.hpp"

#include <algorithm>
#include <array>
#include <glob.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::array<std::string_view, 8> kPlaces{
    "wireguard/*.conf",      "openvpn/*.conf",
    "openvpn/*.ovpn",        "openvpn/client/*.conf",
    "openvpn/client/*.ovpn", "NetworkManager/system-connections/*",
    "swanctl/swanctl.conf",  "ipsec.conf",
};

/// In name order; none where nothing fits.
std::vector<std::string> files_like(const std::string& pattern) {
    std::vector<std::string> paths;
    glob_t found{};
    if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
        paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    ::globfree(&found);
    return paths;
}

bool runs(const std::string& interface, const LinkTable& links) {
    return std::ranges::any_of(links, [&](const auto& entry) {
        return entry.second.name == interface && wraps_packets(entry.second);
    });
}

/// OpenVPN takes the first number that is free, where its file says only `dev tun`.
std::string interface_of(const VpnFile& file) {
    return file.interface.empty() && file.program == VpnProgram::openvpn ? "tun0" : file.interface;
}

}  // namespace

FoundVpn vpn_in(const std::string& path, const LinkTable& links) {
    FoundVpn vpn;
    vpn.path = path;
    vpn.file = read_vpn_file(path);
    vpn.program = vpn.file.program ? word(*vpn.file.program) : std::string_view();
    vpn.interface = interface_of(vpn.file);
    vpn.up = runs(vpn.interface, links);
    return vpn;
}

std::vector<FoundVpn> find_vpns(const std::string& etc, const LinkTable& links) {
    std::vector<FoundVpn> all;
    for (const std::string_view place : kPlaces) {
        for (const std::string& path : files_like(fmt::format("{}/{}", etc, place))) {
            FoundVpn vpn = vpn_in(path, links);
            // A Wi-Fi of NetworkManager, or the part of a server, is none.
            if (!vpn.file.servers.empty() || !vpn.file.names.empty() ||
                !vpn.file.findings.empty()) {
                all.push_back(std::move(vpn));
            }
        }
    }
    for (const auto& [index, link] : links) {
        const bool known = std::ranges::find(all, link.name, &FoundVpn::interface) != all.end();
        if (wraps_packets(link) && !known) {
            all.push_back({{}, {}, link.kind, link.name, true});
        }
    }
    return all;
}

}  // namespace ks
