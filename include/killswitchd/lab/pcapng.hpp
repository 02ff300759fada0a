// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ks::lab {

/// The beginning of a capture file of Ethernet interfaces with these names, whose packets carry
/// nanoseconds. Source: draft-ietf-opsawg-pcapng.
[[nodiscard]] std::string pcapng_header(const std::vector<std::string>& interfaces);

/// One packet of such a file.
struct PcapngPacket {
    std::uint32_t interface = 0;  ///< Of the names, from 0.
    std::uint64_t time_ns = 0;
    std::uint32_t length = 0;  ///< On the wire; `bytes` may be shorter.
    std::span<const std::uint8_t> bytes;
};
[[nodiscard]] std::string pcapng_packet(const PcapngPacket& packet);

inline constexpr std::size_t kMaxPcapngFrames = std::size_t{1} << 21;

/// The frames of a file as pcapng_header() and pcapng_packet() write it, as Capture had them. Other
/// blocks than those are passed over. Takes any bytes.
[[nodiscard]] Result<std::vector<FrameInfo>> read_pcapng(std::span<const std::uint8_t> file);

}  // namespace ks::lab
