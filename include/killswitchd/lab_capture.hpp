// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab_node.hpp"
#include "killswitchd/net.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ks::lab {

inline constexpr std::uint16_t kEtherIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherArp = 0x0806;
inline constexpr std::uint16_t kEtherIpv6 = 0x86dd;

/// One frame that left an uplink, as the provider saw it arrive. Fields that the frame does not
/// have are 0. For ARP, `source` and `destination` are the sender's and the target's address.
struct FrameInfo {
    std::uint64_t time_ns = 0;  ///< Arrival, CLOCK_REALTIME.
    std::uint32_t tag = 0;      ///< Of a lab payload in clear (see tag_text), else 0.
    std::uint32_t length = 0;   ///< Bytes on the wire, link header included.
    std::uint16_t ethertype = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t uplink = 0;  ///< 0: first uplink, 1: second.
    std::uint8_t protocol = 0;
    std::uint8_t icmp_type = 0;  ///< ICMP or ICMPv6.
    std::uint8_t tcp_flags = 0;  ///< As on the wire: SYN 0x02, RST 0x04, ACK 0x10.
    IpAddress source;
    IpAddress destination;
};

/// The marker that a payload carries in clear: "kslab:" and eight hex digits.
[[nodiscard]] std::string tag_text(std::uint32_t tag);
/// Reads what a link-layer frame (Ethernet) says; `length` and `time_ns` are the caller's.
[[nodiscard]] FrameInfo parse_frame(std::span<const std::uint8_t> bytes);
/// "up0 udp 192.168.77.2:4711 > 198.51.100.1:53 tag 17".
[[nodiscard]] std::string describe(const FrameInfo& frame);

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
        std::string pcap;  ///< Also write the frames (first 256 bytes) there; empty: do not.
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
