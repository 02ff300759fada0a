// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace ks::lab {

enum class Service : std::uint8_t { udp_echo, tcp_echo, ping, dns };

struct ReachTarget {
    Service service = Service::udp_echo;
    IpAddress to;
    std::uint16_t port = 7;  ///< Not for ping.
    std::string device;      ///< Bind to it; empty: routed.
};

struct Reach {
    bool answered = false;
    std::optional<IpAddress> seen_as;  ///< Our source address as the other side saw it (echo).
    int local_errno = 0;               ///< Why nothing could be sent or no answer came.
};

/// Asks once per 100 ms until an answer comes or `limit` has passed.
[[nodiscard]] Reach reach(const Node& from, const ReachTarget& target, Millis limit = Millis{2000});

}  // namespace ks::lab
