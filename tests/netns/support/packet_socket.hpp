// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/handle.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ks::test {

using Mac = std::array<std::uint8_t, 6>;

/// An IP packet with UDP inside, and the same behind an Ethernet header.
struct UdpPacket {
    IpAddress source;
    IpAddress destination;
    std::uint16_t port = 443;
    std::string payload;
};
[[nodiscard]] std::string ip_bytes(const UdpPacket& packet);
[[nodiscard]] std::string ethernet_frame(const Mac& from, const Mac& to, std::uint16_t type,
                                         const std::string& payload);

enum class How : std::uint8_t {
    raw,     ///< SOCK_RAW: the whole frame.
    dgram,   ///< SOCK_DGRAM: the kernel writes the Ethernet header.
    bypass,  ///< SOCK_RAW with PACKET_QDISC_BYPASS.
};

/// A packet socket of `node` at `device`; follows the device through a change of its name.
class PacketSocket {
  public:
    PacketSocket(lab::Node& node, const std::string& device, How how);
    /// Sends an IP packet to `to`. \return whether the kernel took it.
    [[nodiscard]] bool send(const std::string& packet, const Mac& to) const;
    /// Sends a frame of another type; not with How::dgram.
    [[nodiscard]] bool send_frame(const std::string& frame) const;

  private:
    How how_;
    Fd fd_;
    int index_ = 0;
    Mac own_{};
};

/// Counts what arrives at a device, by the payloads' tags.
class Ear {
  public:
    Ear(lab::Node& node, const std::string& device);
    /// Frames with `tag` among what has come since the last call.
    [[nodiscard]] std::size_t heard(std::uint32_t tag);
    struct Heard {
        std::size_t count = 0;
        bool fence = false;  ///< It came in time: nothing sent before it is missing.
    };
    /// The same, once a frame with `fence` has come.
    [[nodiscard]] Heard both(std::uint32_t tag, std::uint32_t fence, lab::Millis limit);

  private:
    Heard listen(std::uint32_t tag, std::uint32_t fence);

    Fd fd_;
};

}  // namespace ks::test
