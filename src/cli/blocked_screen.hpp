// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/blocked.hpp"
#include "../host/processes.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace ks::cli {

/// One packet with what the command line finds out about it.
struct BlockedRow {
    BlockedPacket blocked;
    std::string user;  ///< Name, or number, of the sender; empty: none is known.
    std::optional<Process> program;
    std::string advice;  ///< What it lacks, or what would let it pass; empty where nothing does.
};

/// Rows for a terminal: a packet that repeats is not a row each, and its advice is given once.
class BlockedScreen {
  public:
    using Clock = std::chrono::steady_clock;

    /// \return what to print now; often nothing.
    [[nodiscard]] std::string add(const BlockedRow& row, Clock::time_point now);
    /// The packets that were only counted since, where the time for another row has come.
    [[nodiscard]] std::string flush(Clock::time_point now);
    /// All of them.
    [[nodiscard]] std::string finish();

    [[nodiscard]] static std::string heading();

  private:
    struct Repeated {
        BlockedRow row;  ///< The last one.
        Clock::time_point printed;
        std::size_t since = 0;  ///< How many came after that.
    };
    [[nodiscard]] std::string line(const BlockedRow& row, std::size_t times) const;

    std::map<std::string, Repeated> repeated_;
};

/// "21 packets in 12 s: dns 14, guest 3"; of no packet "nothing in 12 s".
[[nodiscard]] std::string
blocked_totals(const std::map<std::string, std::uint64_t>& packets_by_reason,
               std::chrono::seconds time);

}  // namespace ks::cli
