// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/blocked.hpp"

#include <optional>

#include <nlohmann/json_fwd.hpp>

namespace ks {

/// One of the packets of Blocked(), and of `blocked --json`; see killswitchd(8).
[[nodiscard]] nlohmann::json to_json(const BlockedPacket& blocked);

/// The packet in such an object; nothing without two addresses of one family.
[[nodiscard]] std::optional<BlockedPacket> blocked_from(const nlohmann::json& object);

}  // namespace ks
