// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ks::lab {

inline constexpr std::uint16_t kDnsPort = 53;
inline constexpr std::uint16_t kPushPort = 8443;   ///< TCP: greets, then sends on command.
inline constexpr std::uint16_t kControlPort = 90;  ///< UDP: makes every push connection send.
inline constexpr std::string_view kPushed = "pushed\n";

/// Starts UDP and TCP echo servers on every address of `node`, of the AnyIP ones as well.
///
/// An echo begins with "from ADDRESS;", the sender's address as seen here. On port 53 DNS queries
/// are answered instead: A 198.51.100.53, AAAA 2001:db8:100::53, whatever the name.
/// Ready when this returns.
[[nodiscard]] Result<Process> start_services(Node& node, std::span<const std::uint16_t> ports);

/// The answer to a DNS query; nothing when it is none.
[[nodiscard]] std::optional<std::string> answer_dns(std::span<const std::uint8_t> query);
/// A query for the A record of `name`, one label.
[[nodiscard]] std::string dns_query(std::string_view name);

}  // namespace ks::lab
