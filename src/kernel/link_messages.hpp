// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <linux/netlink.h>

namespace ks {

/// Links, addresses and routes as a sequence of rtnetlink messages describes them. No
/// system calls.
class LinkPicture {
  public:
    /// Applies RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR, RTM_NEWROUTE and RTM_DELROUTE;
    /// ignores every other type, an RTM_NEWLINK that does not tell
    /// all (a wireless event) and whatever is malformed. `message` must lie whole in memory,
    /// nlmsg_len included.
    void apply(const nlmsghdr& message);
    [[nodiscard]] const LinkTable& links() const noexcept { return links_; }
    /// Ways out that went to another network namespace since the last call: cards, and what had a
    /// default route.
    [[nodiscard]] std::vector<std::string> take_moved() { return std::exchange(moved_, {}); }

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

    /// Likewise of a route to less than everything; its routers do not matter.
    struct NarrowRoute {
        LinkRoute route;
        std::uint32_t table = 0;
        std::uint32_t metric = 0;
        friend auto operator<=>(const NarrowRoute&, const NarrowRoute&) = default;
    };

    void apply_link(const nlmsghdr& message);
    void apply_address(const nlmsghdr& message);
    void apply_route(const nlmsghdr& message);
    void note_default(int link, const Route& route, const nlmsghdr& message);
    void note_narrow(int link, const NarrowRoute& route, const nlmsghdr& message);
    void publish_narrow(int link);

    LinkTable links_;
    std::vector<std::string> moved_;
    std::map<int, std::set<Address>> addresses_;
    std::map<int, std::set<Route>> default_routes_;
    std::map<int, std::set<NarrowRoute>> narrow_routes_;
};

}  // namespace ks
