// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/decision.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/packet_log.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// One packet that was refused or dropped, as `blocked` shows it.
struct BlockedPacket {
    std::string time;    ///< RFC 3339, UTC.
    std::string reason;  ///< The counter that has it.
    Direction direction = Direction::out;
    PacketView packet;
};

/// What the kernel told, with the names of the interfaces that it numbers.
/// \param links  Absent: unknown, and so are the names.
[[nodiscard]] BlockedPacket blocked_packet(LoggedPacket logged,
                                           const std::optional<LinkTable>& links, std::string time);

/// The last ones, no more than kMost.
class RecentlyBlocked {
  public:
    static constexpr std::size_t kMost = 256;

    void add(const std::vector<BlockedPacket>& packets);
    [[nodiscard]] const std::vector<BlockedPacket>& all() const noexcept { return packets_; }

  private:
    std::vector<BlockedPacket> packets_;
};

}  // namespace ks
