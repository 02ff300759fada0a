// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace ks {

/// A packet, as far as routes depend on it.
struct RouteQuestion {
    IpAddress destination;
    std::optional<IpAddress> source;  ///< Needed with `in_interface`; of the same family.
    std::string in_interface;         ///< Of a packet that passes through; empty: this host's own.
    std::uint8_t protocol = proto::kUdp;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint32_t mark = 0;
    std::optional<std::uint32_t> uid;  ///< Absent: ours.
};

struct Route {
    std::string interface;  ///< "lo" for an address of this host.
    std::optional<IpAddress> gateway;
    std::optional<IpAddress> source;  ///< What the kernel would take as the sender's address.
    friend bool operator==(const Route&, const Route&) = default;
};

/// Asks the kernel which way it would take, with its rules for marks, users and interfaces. A mere
/// question, which needs no privilege. Source: rtnetlink(7), RTM_GETROUTE.
/// \return ENETUNREACH, EHOSTUNREACH, EACCES, ... where no route leads there.
[[nodiscard]] Result<Route> find_route(const RouteQuestion& question);

}  // namespace ks
