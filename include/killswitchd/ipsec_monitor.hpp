// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/tunnels.hpp"

#include <memory>

namespace ks {

/// Follows the IPsec policies of this network namespace: where those that send packets away
/// (direction out) have them encrypted to (ESP in tunnel mode). Policies of xfrm interfaces do not
/// count, which are tunnels with a name of their own.
/// Source: linux/xfrm.h; ip-xfrm(8).
class IpsecMonitor {
  public:
    /// Subscribes, then dumps, so that nothing between the two is missed.
    /// \return EPROTONOSUPPORT where the kernel has no IPsec; EPERM without CAP_NET_ADMIN.
    [[nodiscard]] static Result<IpsecMonitor> open();
    IpsecMonitor(const IpsecMonitor&) = delete;
    IpsecMonitor& operator=(const IpsecMonitor&) = delete;
    IpsecMonitor(IpsecMonitor&&) noexcept;
    IpsecMonitor& operator=(IpsecMonitor&&) noexcept;
    ~IpsecMonitor();

    [[nodiscard]] int fd() const noexcept;  ///< Readable when drain() has work.
    [[nodiscard]] const IpsecGateways& gateways() const noexcept;

    /// Reads all that is queued, and the policies anew where anything was. Never blocks on an empty
    /// queue. \return whether gateways() changed; after an error they are unknown: lock.
    [[nodiscard]] Result<bool> drain();

  private:
    struct Impl;
    explicit IpsecMonitor(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ks
