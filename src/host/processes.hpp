// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace ks {

struct Process {
    int pid = 0;
    std::string name;  ///< As it calls itself; other programs choose it.
    friend bool operator==(const Process&, const Process&) = default;
};

/// Which process has a socket open, from /proc. Of others than its own user, only root sees that.
class SocketHolders {
  public:
    /// Looks at all processes when nobody is known, but no more than a few times a second.
    [[nodiscard]] std::optional<Process> holder_of(std::uint64_t inode);

  private:
    void look();

    std::map<std::uint64_t, Process> known_;
    std::optional<std::chrono::steady_clock::time_point> looked_;
};

/// The sockets that a process has open; none where that cannot be seen.
[[nodiscard]] std::set<std::uint64_t> sockets_of(int pid);
/// The process that started `pid`; nothing where there is none, or it cannot be told.
[[nodiscard]] std::optional<int> parent_of(int pid);
/// What /proc/PID/comm says; empty when it cannot be read.
[[nodiscard]] std::string name_of_process(int pid);

}  // namespace ks
