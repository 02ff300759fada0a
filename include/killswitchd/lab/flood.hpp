// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace ks::lab {

struct FloodCount {
    std::uint64_t sent = 0;     ///< Taken by the kernel.
    std::uint64_t refused = 0;  ///< EPERM.
    std::uint64_t other = 0;    ///< Any other error.
};

struct FloodOptions {
    std::string device;       ///< The socket is bound to it; empty: routed.
    std::uint64_t limit = 0;  ///< Packets; 0: until stop().
    std::uint64_t per_second =
        0;  ///< Packets, in ticks of 1 ms: at least 1000; 0: as fast as it can.
};

/// A process that sends small UDP packets.
class Flood {
  public:
    [[nodiscard]] static Result<Flood> start(const Node& from, const IpAddress& to,
                                             std::uint16_t port, const FloodOptions& options);
    Flood(const Flood&) = delete;
    Flood& operator=(const Flood&) = delete;
    Flood(Flood&&) noexcept;
    Flood& operator=(Flood&&) noexcept;
    ~Flood();

    [[nodiscard]] FloodCount count() const;  ///< So far.
    [[nodiscard]] std::uint32_t tag() const;
    [[nodiscard]] FloodCount stop();  ///< Ends it; what it sent is sent when this returns.
    [[nodiscard]] bool finished(Millis limit);  ///< Waits for `limit` packets to be done.

  private:
    struct Impl;
    explicit Flood(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ks::lab
