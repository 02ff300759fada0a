// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/links.hpp"

#include <map>
#include <set>
#include <utility>

#include <linux/netlink.h>

namespace ks {

/// Links and addresses as a sequence of rtnetlink messages describes them. No system calls.
class LinkPicture {
  public:
    /// Applies RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR and RTM_DELADDR; ignores every other type and
    /// whatever is malformed. `message` must lie whole in memory, nlmsg_len included.
    void apply(const nlmsghdr& message);
    [[nodiscard]] const LinkTable& links() const noexcept { return links_; }

  private:
    /// Own address and the peer's prefix; both identify an address to the kernel.
    using Address = std::pair<Prefix, Prefix>;

    void apply_link(const nlmsghdr& message);
    void apply_address(const nlmsghdr& message);

    LinkTable links_;
    std::map<int, std::set<Address>> addresses_;
};

}  // namespace ks
