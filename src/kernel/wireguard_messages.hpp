// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/automatic.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

#include <linux/netlink.h>

namespace ks {

/// Adds what one answer to WG_CMD_GET_DEVICE says to `device`: a long list of peers comes in
/// several, and a peer with many networks in parts. What is malformed is passed over.
/// `message` must lie whole in memory, nlmsg_len included.
void note_wireguard(const nlmsghdr& message, VpnDevice& device);

/// The number of the generic netlink family of this name, if the message is about it.
[[nodiscard]] std::optional<std::uint16_t> family_in(const nlmsghdr& message,
                                                     std::string_view name);

}  // namespace ks
