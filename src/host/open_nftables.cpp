// SPDX-License-Identifier: GPL-2.0-or-later
#include "open_nftables.hpp"

#include "killswitchd/inherited.hpp"
#include "killswitchd/log.hpp"

#include <utility>

#include <linux/netlink.h>
#include <sys/socket.h>

namespace ks {

Result<Nftables> open_nftables(Ownership ownership) {
    auto held = inherited_socket(AF_NETLINK, NETLINK_NETFILTER);
    if (!held) {
        log(Severity::warning, "held-socket-unusable", held.error().message());
        return Nftables::open(ownership);
    }
    return Nftables::open(ownership, *std::move(held));
}

}  // namespace ks
