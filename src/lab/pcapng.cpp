// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/pcapng.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/lab/frame.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::lab {

namespace {

constexpr std::uint32_t kSection = 0x0a0d0d0a;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kPacket = 6;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::size_t kFrameOfBlock = 12;  ///< Type, and the length before and after the body.
constexpr std::size_t kPacketHead = 20;
constexpr std::size_t kMaxBlock = std::size_t{1} << 16;
constexpr std::uint32_t kMaxUplinks = 2;
constexpr std::uint16_t kOptionName = 2;
constexpr std::uint16_t kOptionTimeResolution = 9;
constexpr char kNanoseconds = 9;

template <class Number>
void append(std::string& bytes, Number number) {
    char raw[sizeof number];
    std::memcpy(raw, &number, sizeof number);
    bytes.append(raw, sizeof number);
}

void pad(std::string& bytes) {
    bytes.resize((bytes.size() + 3) / 4 * 4);
}

std::string block(std::uint32_t type, const std::string& body) {
    std::string bytes;
    const auto length = static_cast<std::uint32_t>(body.size() + kFrameOfBlock);
    append(bytes, type);
    append(bytes, length);
    bytes += body;
    append(bytes, length);
    return bytes;
}

void append_option(std::string& bytes, std::uint16_t code, std::string_view value) {
    append(bytes, code);
    append(bytes, static_cast<std::uint16_t>(value.size()));
    bytes += value;
    pad(bytes);
}

std::uint32_t number_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    std::uint32_t number = 0;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    return number;
}

/// The frame in the body of a packet's block; nothing when it is none.
std::optional<FrameInfo> frame_in(std::span<const std::uint8_t> body) {
    if (body.size() < kPacketHead) {
        return std::nullopt;
    }
    const std::uint32_t interface = number_at(body, 0);
    const std::size_t captured = number_at(body, 12);
    if (interface >= kMaxUplinks || captured > body.size() - kPacketHead) {
        return std::nullopt;
    }
    FrameInfo frame = parse_frame(body.subspan(kPacketHead, captured));
    frame.time_ns = std::uint64_t{number_at(body, 4)} << 32 | number_at(body, 8);
    frame.length = number_at(body, 16);
    frame.uplink = static_cast<std::uint8_t>(interface);
    return frame;
}

}  // namespace

std::string pcapng_header(const std::vector<std::string>& interfaces) {
    std::string section;
    append(section, kByteOrder);
    append(section, std::uint16_t{1});
    append(section, std::uint16_t{0});
    append(section, ~std::uint64_t{0});  // The length is not known.
    std::string file = block(kSection, section);
    for (const std::string& name : interfaces) {
        std::string body;
        append(body, std::uint16_t{1});  // Ethernet.
        append(body, std::uint16_t{0});
        append(body, std::uint32_t{0});  // No limit that counts.
        append_option(body, kOptionName, name);
        append_option(body, kOptionTimeResolution, std::string_view(&kNanoseconds, 1));
        append_option(body, 0, {});
        file += block(kInterface, body);
    }
    return file;
}

std::string pcapng_packet(const PcapngPacket& packet) {
    std::string body;
    append(body, packet.interface);
    append(body, static_cast<std::uint32_t>(packet.time_ns >> 32));
    append(body, static_cast<std::uint32_t>(packet.time_ns));
    append(body, static_cast<std::uint32_t>(packet.bytes.size()));
    append(body, packet.length);
    body.append(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size());
    pad(body);
    return block(kPacket, body);
}

Result<std::vector<FrameInfo>> read_pcapng(std::span<const std::uint8_t> file) {
    const bool ours = file.size() >= kFrameOfBlock && number_at(file, 0) == kSection &&
                      number_at(file, 8) == kByteOrder;
    if (!ours) {
        return Error{"it is no capture in pcapng format, or of a machine of another kind"};
    }
    std::vector<FrameInfo> frames;
    std::size_t at = 0;
    while (at < file.size()) {
        const std::size_t left = file.size() - at;
        const std::size_t length = left < kFrameOfBlock ? 0 : number_at(file, at + 4);
        const bool whole = length >= kFrameOfBlock && length <= std::min(left, kMaxBlock) &&
                           length % 4 == 0 && number_at(file, at + length - 4) == length;
        if (!whole) {
            return Error{fmt::format("the block at byte {} is broken", at)};
        }
        if (number_at(file, at) == kPacket) {
            const auto frame = frame_in(file.subspan(at + 8, length - kFrameOfBlock));
            if (!frame || frames.size() == kMaxPcapngFrames) {
                return Error{fmt::format("the packet at byte {} is {}", at,
                                         frame ? "one too many" : "broken")};
            }
            frames.push_back(*frame);
        }
        at += length;
    }
    return frames;
}

}  // namespace ks::lab
