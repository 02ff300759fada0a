// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/vpn_file.hpp"

#include "fuzz.hpp"
#include "killswitchd/diagnostic.hpp"

#include <array>
#include <cstdint>

using namespace ks;

/// The first byte chooses the name of the file, by which its program is told.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::array<const char*, 5> kPaths{"wg0.conf", "home.ovpn", "home.nmconnection",
                                                "swanctl.conf", "ipsec.conf"};
    if (size == 0) {
        return 0;
    }
    const VpnFile file =
        parse_vpn_file(kPaths[*data % kPaths.size()], fuzz::text_of(data + 1, size - 1));
    fuzz::expect(!file.broken() || file.servers.empty());
    fuzz::expect(file.servers.size() <= kMaxVpnServers);
    for (const Diagnostic& one : file.findings) {
        fuzz::expect(!render(one).empty());
    }
    return 0;
}
