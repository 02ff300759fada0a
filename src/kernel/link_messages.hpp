// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <linux/netlink.h>

namespace ks {

/// Links, addresses and default routes as a sequence of rtnetlink messages describes them. No
/// system calls.
class LinkPicture {
  public:
    /// Applies RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR and, of routes to everywhere,
    /// RTM_NEWROUTE and RTM_DELROUTE; ignores every other type, an RTM_NEWLINK that does not tell
    /// all (a wireless event) and whatever is malformed. `message` must lie whole in memory,
    /// nlmsg_len included.
    void apply(const nlmsghdr& message);
    [[nodiscard]] const LinkTable& links() const noexcept { return links_; }

  private:
    /// Own address and the peer's prefix; both identify an address to the kernel.
    using Address = std::pair<Prefix, Prefix>;
    /// What identifies a default route of a link. The router is part of it for IPv6 alone, where
    /// several routes may have the same metric.
    struct Route {
        std::uint8_t family = 0;
        std::uint32_t table = 0;
        std::uint32_t metric = 0;
        std::optional<IpAddress> router{};
        friend auto operator<=>(const Route&, const Route&) = default;
    };

    void apply_link(const nlmsghdr& message);
    void apply_address(const nlmsghdr& message);
    void apply_route(const nlmsghdr& message);
    void note_route(int link, const Route& route, const nlmsghdr& message);

    LinkTable links_;
    std::map<int, std::set<Address>> addresses_;
    std::map<int, std::set<Route>> default_routes_;
};

}  // namespace ks
