// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/probe.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

struct tpacket_block_desc;

namespace ks::lab {

/// A memory-mapped receive ring (TPACKET_V3) for the frames that arrive on some interfaces.
class PacketRing {
  public:
    struct Packet {
        std::uint32_t interface = 0;
        std::uint32_t length = 0;  ///< On the wire; `bytes` may be shorter.
        std::uint64_t time_ns = 0;
        std::span<const std::uint8_t> bytes;
    };
    /// Opens in the calling thread's namespace; frames that leave an interface are not seen.
    [[nodiscard]] static Result<PacketRing> open(const std::vector<std::uint32_t>& interfaces);
    PacketRing(const PacketRing&) = delete;
    PacketRing& operator=(const PacketRing&) = delete;
    PacketRing(PacketRing&& other) noexcept;
    PacketRing& operator=(PacketRing&&) = delete;
    ~PacketRing();

    /// Waits for a block of frames and hands them over in order of arrival.
    [[nodiscard]] Status next(const std::function<void(const Packet&)>& take);
    /// Frames that found no room since the last call.
    [[nodiscard]] std::uint64_t take_lost();

  private:
    PacketRing(Fd socket, void* memory) noexcept;
    [[nodiscard]] tpacket_block_desc* block() const;

    Fd socket_;
    void* memory_;
    unsigned current_ = 0;
};

inline constexpr std::uint32_t kSnapBytes = 256;

}  // namespace ks::lab
