// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ks::lab {

/// What may leave an uplink while locked or protected.
struct Permitted {
    std::vector<Endpoint> endpoints;
    std::vector<Prefix> destinations;  ///< Any protocol and port: an allowed LAN, say.
    bool arp = true;
    bool dhcpv4 = true;                ///< UDP 68 to 67, any destination.
    bool neighbour_discovery = false;  ///< ICMPv6 types 133, 135, 136.

    [[nodiscard]] bool covers(const FrameInfo& frame) const;
};

struct CaptureStats {
    std::uint64_t seen = 0;  ///< Frames recorded.
    std::uint64_t lost = 0;  ///< Frames that the ring or the log had no room for. Must be 0.
};

/// Records every frame that leaves the protected host's uplinks, from the outside.
///
/// A process of its own in the provider's namespace drains a TPACKET_V3 ring into memory shared
/// with the caller, so nothing depends on the caller reading in time.
class Capture {
  public:
    struct Options {
        std::vector<std::string> devices;  ///< The provider's ends, in uplink order; at most two.
        std::string file;  ///< Also write them (first 256 bytes) there, as pcapng; empty: do not.
    };
    /// Adds the link "sync0"-"sync1" to `provider`, over which settle() sends its marks.
    [[nodiscard]] static Result<Capture> start(Node& provider, const Options& options);
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    Capture(Capture&&) noexcept;
    Capture& operator=(Capture&&) noexcept;
    ~Capture();

    /// A barrier: when it returns, every frame that any process had sent on an uplink before the
    /// call is recorded. Marks travel through the receive queue of each CPU, three times, so that
    /// a guest's packet on its way through the host is overtaken neither.
    /// Packets that the host itself holds back (waiting for ARP, unread in a tun) are not sent.
    /// \return ETIMEDOUT when the capture process does not answer.
    [[nodiscard]] Status settle(Millis limit = Millis{5000});

    [[nodiscard]] std::size_t size() const;  ///< A position for since().
    [[nodiscard]] std::span<const FrameInfo> since(std::size_t position) const;
    [[nodiscard]] std::span<const FrameInfo> frames() const { return since(0); }
    [[nodiscard]] CaptureStats stats() const;
    [[nodiscard]] std::vector<FrameInfo> outside(const Permitted& permitted,
                                                 std::size_t position = 0) const;

  private:
    struct Impl;
    explicit Capture(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ks::lab
