// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/evaluate.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ks {

/// What a rule with LogCopy tells of a packet. Of its contents only the headers are looked at.
struct LoggedPacket {
    std::string prefix;  ///< Of the rule.
    PacketView packet;   ///< Without the names and kinds of interfaces, which the kernel numbers.
    int in_index = 0;    ///< 0: none.
    int out_index = 0;
};

/// Listens to the packets that our rules log: NETLINK_NETFILTER, group kLogGroup of this network
/// namespace. Needs no other address family.
class PacketLog {
  public:
    /// When packets are handed over.
    enum class Pace : std::uint8_t {
        at_once,  ///< Somebody waits for them, and for the programs that sent them.
        lazily,   ///< Within a second, many at a time.
    };

    /// \return EPERM without CAP_NET_ADMIN, or when another program listens to the group; the errno
    ///         of a kernel that has no nfnetlink_log.
    [[nodiscard]] static Result<PacketLog> open();
    PacketLog(const PacketLog&) = delete;
    PacketLog& operator=(const PacketLog&) = delete;
    PacketLog(PacketLog&&) noexcept;
    PacketLog& operator=(PacketLog&&) noexcept;
    ~PacketLog();

    [[nodiscard]] int fd() const noexcept;
    /// From the next packet on. A kernel that does not heed it goes on as before.
    void set_pace(Pace pace);
    /// Everything that is queued, at most `most`; the rest, and what was lost to an overrun, is
    /// forgotten: the counters have it.
    [[nodiscard]] Result<std::vector<LoggedPacket>> drain(std::size_t most);

  private:
    struct Impl;
    explicit PacketLog(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ks
