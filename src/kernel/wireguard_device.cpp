// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/wireguard_device.hpp"

#include "netlink_socket.hpp"
#include "wireguard_messages.hpp"

#include <cerrno>
#include <cstdint>
#include <optional>
#include <utility>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/wireguard.h>

namespace ks {

namespace {

constexpr NetlinkProtocol kGeneric{NETLINK_GENERIC, "the kernel's VPN devices"};

/// Which device is asked about.
struct AboutDevice {
    genlmsghdr header{WG_CMD_GET_DEVICE, WG_GENL_VERSION, 0};
    nlattr attribute{sizeof(nlattr) + sizeof(std::uint32_t), WGDEVICE_A_IFINDEX};
    std::uint32_t index = 0;
};
static_assert(sizeof(AboutDevice) == sizeof(genlmsghdr) + sizeof(nlattr) + sizeof(std::uint32_t));

struct AboutFamilies {
    genlmsghdr header{CTRL_CMD_GETFAMILY, 1, 0};
};

Result<std::uint16_t> wireguard_family(NetlinkSocket& socket) {
    std::optional<std::uint16_t> family;
    auto outcome = socket.dump(GENL_ID_CTRL, 1, AboutFamilies{}, [&](const nlmsghdr& message) {
        if (const auto number = family_in(message, WG_GENL_NAME)) {
            family = number;
        }
    });
    if (!outcome) {
        return std::move(outcome).error();
    }
    return family ? Result<std::uint16_t>(*family)
                  : Error{"the kernel has no WireGuard", EPROTONOSUPPORT};
}

}  // namespace

Result<VpnDevice> read_wireguard(int index) {
    for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
        auto socket = NetlinkSocket::open_dumps(kGeneric);
        if (!socket) {
            return std::move(socket).error();
        }
        const auto family = wireguard_family(*socket);
        if (!family) {
            return family.error();
        }
        VpnDevice device;
        AboutDevice about;
        about.index = static_cast<std::uint32_t>(index);
        auto outcome = socket->dump(
            *family, 2, about, [&](const nlmsghdr& message) { note_wireguard(message, device); });
        if (!outcome) {
            return std::move(outcome).error().within("reading a WireGuard device");
        }
        if (*outcome == Dump::complete) {
            return device;
        }
    }
    return Error{"reading a WireGuard device kept being interrupted"};
}

}  // namespace ks
