// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/frame.hpp"

#include "killswitchd/lab/capture.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace ks::lab {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kTagMark = "kslab:";
constexpr std::size_t kTagDigits = 8;
constexpr std::size_t kEthernetBytes = 14;

std::uint16_t be16(Bytes bytes, std::size_t at) {
    return at + 2 <= bytes.size() ? static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1])
                                  : std::uint16_t{0};
}

IpAddress address_at(Bytes bytes, std::size_t at, IpFamily family) {
    IpAddress address;
    address.family = family;
    if (at + address.size() <= bytes.size()) {
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), address.size(),
                    address.bytes.begin());
    }
    return address;
}

std::uint32_t find_tag(Bytes payload) {
    const auto* const at = static_cast<const char*>(
        memmem(payload.data(), payload.size(), kTagMark.data(), kTagMark.size()));
    if (at == nullptr) {
        return 0;
    }
    const char* const digits = at + kTagMark.size();
    const char* const end = reinterpret_cast<const char*>(payload.data() + payload.size());
    std::uint32_t tag = 0;
    if (end - digits >= static_cast<std::ptrdiff_t>(kTagDigits)) {
        std::from_chars(digits, digits + kTagDigits, tag, 16);
    }
    return tag;
}

void read_transport(FrameInfo& frame, Bytes bytes) {
    frame.tag = find_tag(bytes);
    if (frame.protocol == proto::kTcp || frame.protocol == proto::kUdp) {
        frame.source_port = be16(bytes, 0);
        frame.destination_port = be16(bytes, 2);
    }
    if (frame.protocol == proto::kTcp && bytes.size() > 13) {
        frame.tcp_flags = bytes[13];
    }
    if ((frame.protocol == proto::kIcmp || frame.protocol == proto::kIcmpv6) && !bytes.empty()) {
        frame.icmp_type = bytes[0];
    }
}

void read_ipv4(FrameInfo& frame, Bytes bytes) {
    if (bytes.size() < 20) {
        return;
    }
    frame.protocol = bytes[9];
    frame.source = address_at(bytes, 12, IpFamily::v4);
    frame.destination = address_at(bytes, 16, IpFamily::v4);
    const std::size_t header = static_cast<std::size_t>(bytes[0] & 0x0f) * 4;
    const bool first_fragment = (be16(bytes, 6) & 0x1fff) == 0;
    if (header >= 20 && header <= bytes.size() && first_fragment) {
        read_transport(frame, bytes.subspan(header));
    }
}

bool is_extension(std::uint8_t protocol) {
    return protocol == 0 || protocol == 43 || protocol == 60;
}

void read_ipv6(FrameInfo& frame, Bytes bytes) {
    if (bytes.size() < 40) {
        return;
    }
    frame.source = address_at(bytes, 8, IpFamily::v6);
    frame.destination = address_at(bytes, 24, IpFamily::v6);
    std::uint8_t protocol = bytes[6];
    Bytes rest = bytes.subspan(40);
    while (is_extension(protocol) && rest.size() >= 8) {
        const std::size_t length = 8 + static_cast<std::size_t>(rest[1]) * 8;
        protocol = rest[0];
        rest = rest.subspan(std::min(length, rest.size()));
    }
    frame.protocol = protocol;
    read_transport(frame, rest);
}

std::string with_port(const IpAddress& address, std::uint16_t port) {
    if (port == 0) {
        return address.str();
    }
    return address.family == IpFamily::v6 ? fmt::format("[{}]:{}", address.str(), port)
                                          : fmt::format("{}:{}", address.str(), port);
}

}  // namespace

std::string tag_text(std::uint32_t tag) {
    return fmt::format("{}{:0{}x}", kTagMark, tag, kTagDigits);
}

FrameInfo parse_frame(Bytes bytes) {
    FrameInfo frame;
    if (bytes.size() < kEthernetBytes) {
        return frame;
    }
    frame.ethertype = be16(bytes, 12);
    const Bytes body = bytes.subspan(kEthernetBytes);
    if (frame.ethertype == kEtherIpv4) {
        read_ipv4(frame, body);
    } else if (frame.ethertype == kEtherIpv6) {
        read_ipv6(frame, body);
    } else if (frame.ethertype == kEtherArp) {
        frame.source = address_at(body, 14, IpFamily::v4);
        frame.destination = address_at(body, 24, IpFamily::v4);
    } else {
        frame.tag = find_tag(body);
    }
    return frame;
}

std::string describe(const FrameInfo& frame) {
    std::string text = fmt::format("uplink {} ", frame.uplink);
    if (frame.ethertype == kEtherArp) {
        return text + fmt::format("arp who-has {}", frame.destination.str());
    }
    if (frame.ethertype != kEtherIpv4 && frame.ethertype != kEtherIpv6) {
        return text + fmt::format("ethertype {:#06x}", frame.ethertype);
    }
    text += fmt::format("{} {} > {}", proto::name(frame.protocol),
                        with_port(frame.source, frame.source_port),
                        with_port(frame.destination, frame.destination_port));
    if (frame.protocol == proto::kIcmp || frame.protocol == proto::kIcmpv6) {
        text += fmt::format(" type {}", frame.icmp_type);
    }
    if (frame.tag != 0) {
        text += fmt::format(" tag {}", frame.tag);
    }
    return text;
}

bool Permitted::covers(const FrameInfo& frame) const {
    if (frame.ethertype == kEtherArp) {
        return arp;
    }
    if (frame.ethertype != kEtherIpv4 && frame.ethertype != kEtherIpv6) {
        return false;
    }
    const bool from_dhcp_client = frame.ethertype == kEtherIpv4 && frame.protocol == proto::kUdp &&
                                  frame.source_port == 68 && frame.destination_port == 67;
    if (from_dhcp_client && dhcpv4) {
        return true;
    }
    const bool discovery =
        frame.protocol == proto::kIcmpv6 &&
        (frame.icmp_type == 133 || frame.icmp_type == 135 || frame.icmp_type == 136);
    if (discovery && neighbour_discovery) {
        return true;
    }
    const auto is_endpoint = [&](const Endpoint& endpoint) {
        return endpoint.address == frame.destination && endpoint.protocol == frame.protocol &&
               endpoint.port == frame.destination_port && frame.tag == 0;
    };
    return std::any_of(endpoints.begin(), endpoints.end(), is_endpoint) ||
           std::any_of(destinations.begin(), destinations.end(),
                       [&](const Prefix& prefix) { return prefix.contains(frame.destination); });
}

}  // namespace ks::lab
