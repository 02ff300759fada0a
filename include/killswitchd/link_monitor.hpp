// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/links.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ks {

/// Follows the links, addresses and default routes of this network namespace by rtnetlink.
/// Source: rtnetlink(7); kernel behaviour on overruns: ENOBUFS means notifications were lost.
class LinkMonitor {
  public:
    /// Subscribes, then dumps, so that nothing between the two is missed.
    [[nodiscard]] static Result<LinkMonitor> open();
    LinkMonitor(const LinkMonitor&) = delete;
    LinkMonitor& operator=(const LinkMonitor&) = delete;
    LinkMonitor(LinkMonitor&&) noexcept;
    LinkMonitor& operator=(LinkMonitor&&) noexcept;
    ~LinkMonitor();

    [[nodiscard]] int fd() const noexcept;  ///< Readable when drain() has work.
    [[nodiscard]] const LinkTable& links() const noexcept;
    /// How often notifications were lost and the picture was rebuilt from a dump.
    [[nodiscard]] std::uint64_t overruns() const noexcept;

    /// Reads all that is queued. Never blocks on an empty queue.
    /// \return whether links() changed; after an error the picture is unknown: lock.
    [[nodiscard]] Result<bool> drain();

    /// Names of cards, and of interfaces with a default route, that went to another network
    /// namespace since the last call.
    [[nodiscard]] std::vector<std::string> take_moved();

  private:
    struct Impl;
    explicit LinkMonitor(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// One-off dump for commands that need the links once.
[[nodiscard]] Result<LinkTable> read_links();

}  // namespace ks
