// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/evaluate.hpp"
#include "killswitchd/packet_log.hpp"

#include <cstdint>
#include <optional>
#include <span>

#include <linux/netlink.h>

namespace ks {

/// One NFULNL_MSG_PACKET. `message` must lie whole in memory, nlmsg_len included. Nothing for every
/// other type, and for what is malformed or no IP packet.
[[nodiscard]] std::optional<LoggedPacket> logged_packet(const nlmsghdr& message);

/// Reads addresses, protocol and ports from the first bytes of an IP packet, however few they are,
/// into `packet`. \return whether there were addresses.
[[nodiscard]] bool read_headers(std::span<const std::uint8_t> bytes, PacketView& packet);

}  // namespace ks
