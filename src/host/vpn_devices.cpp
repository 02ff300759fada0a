// SPDX-License-Identifier: GPL-2.0-or-later
#include "vpn_devices.hpp"

#include "killswitchd/tunnels.hpp"
#include "killswitchd/wireguard_device.hpp"
#include "uapi_socket.hpp"

#include <optional>
#include <utility>

namespace ks {

Result<std::optional<VpnDevice>> read_vpn_device(int index, const Link& link) {
    if (link.kind == "wireguard") {
        auto device = read_wireguard(index);
        return device ? Result<std::optional<VpnDevice>>(std::optional(*std::move(device)))
                      : Result<std::optional<VpnDevice>>(std::move(device).error());
    }
    return link.kind == "tun" ? ask_uapi(link.name) : std::optional<VpnDevice>();
}

bool is_device_of(const Tunnel& tunnel, const Policy& policy, int index, const Link& link) {
    return !tunnel.ipsec && interface_matches(tunnel.interface, link.name) &&
           distrust(policy, index, link).empty();
}

}  // namespace ks
