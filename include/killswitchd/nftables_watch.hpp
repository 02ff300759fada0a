// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace ks {

/// Watches nftables' notifications for changes by others. Keep it beside the Nftables of the same
/// process: commits of the socket with port id `own_port` are not reported.
class NftablesWatch {
  public:
    [[nodiscard]] static Result<NftablesWatch> open(std::uint32_t own_port);
    NftablesWatch(const NftablesWatch&) = delete;
    NftablesWatch& operator=(const NftablesWatch&) = delete;
    NftablesWatch(NftablesWatch&&) noexcept;
    NftablesWatch& operator=(NftablesWatch&&) noexcept;
    ~NftablesWatch();

    [[nodiscard]] int fd() const noexcept;
    /// Reads all that is queued. \return the name of the last program, other than this process,
    /// that changed any table ("nft"), "unknown" after an overrun, or nothing when nobody did.
    [[nodiscard]] Result<std::optional<std::string>> drain();

  private:
    struct Impl;
    explicit NftablesWatch(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ks
