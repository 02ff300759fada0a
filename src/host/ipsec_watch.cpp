// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipsec_watch.hpp"

#include "killswitchd/tunnels.hpp"

#include <utility>

namespace ks {

IpsecWatch IpsecWatch::open(const Policy& policy) {
    IpsecWatch watch;
    if (!uses_ipsec(policy)) {
        return watch;
    }
    if (auto monitor = IpsecMonitor::open()) {
        watch.monitor_ = *std::move(monitor);
    } else {
        watch.problem_ = std::move(monitor).error();
    }
    return watch;
}

int IpsecWatch::fd() const noexcept {
    return monitor_ ? monitor_->fd() : -1;
}

IpsecGateways IpsecWatch::gateways() const {
    return monitor_ ? monitor_->gateways() : IpsecGateways{};
}

}  // namespace ks
