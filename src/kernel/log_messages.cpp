// SPDX-License-Identifier: GPL-2.0-or-later
#include "log_messages.hpp"

#include "killswitchd/net.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netinet/in.h>

namespace ks {

namespace {

using Bytes = std::span<const std::uint8_t>;

std::uint16_t number16(Bytes bytes, std::size_t offset) {
    return static_cast<std::uint16_t>(bytes[offset] << 8U | bytes[offset + 1]);
}

IpAddress address_at(Bytes bytes, std::size_t offset, IpFamily family) {
    IpAddress address{family, {}};
    std::memcpy(address.bytes.data(), bytes.data() + offset, address.size());
    return address;
}

/// Source: RFC 9293, section 3.1; RFC 768; RFC 792; RFC 4443, section 2.1.
void read_transport(Bytes bytes, PacketView& packet) {
    constexpr std::size_t kFlags = 13;
    constexpr std::uint8_t kSyn = 0x02, kAck = 0x10;
    const bool ports = packet.protocol == proto::kTcp || packet.protocol == proto::kUdp;
    if (ports && bytes.size() >= 4) {
        packet.source_port = number16(bytes, 0);
        packet.destination_port = number16(bytes, 2);
        packet.tcp_opening = packet.protocol == proto::kTcp && bytes.size() > kFlags &&
                             (bytes[kFlags] & (kSyn | kAck)) == kSyn;
    }
    const bool icmp = packet.protocol == proto::kIcmp || packet.protocol == proto::kIcmpv6;
    if (icmp && bytes.size() >= 2) {
        packet.icmp_type = bytes[0];
        packet.icmp_code = bytes[1];
    }
}

/// Source: RFC 791, section 3.1.
bool read_ipv4(Bytes bytes, PacketView& packet) {
    constexpr std::size_t kLeast = 20;
    constexpr std::uint16_t kOffset = 0x1fff;
    const std::size_t header = std::size_t{4} * (bytes[0] & 0x0fU);
    if (bytes.size() < kLeast || header < kLeast) {
        return false;
    }
    packet.hop_limit = bytes[8];
    packet.protocol = bytes[9];
    packet.source = address_at(bytes, 12, IpFamily::v4);
    packet.destination = address_at(bytes, 16, IpFamily::v4);
    packet.later_fragment = (number16(bytes, 6) & kOffset) != 0;
    if (!packet.later_fragment && bytes.size() > header) {
        read_transport(bytes.subspan(header), packet);
    }
    return true;
}

/// Where the transport header of an IPv6 packet begins; nothing when it is not among the bytes.
/// Source: RFC 8200, section 4. Every header is at least 8 bytes long, so the walk ends.
std::optional<std::size_t> skip_extensions(Bytes bytes, std::size_t at, PacketView& packet) {
    constexpr std::uint16_t kOffset = 0xfff8;
    while (at + 8 <= bytes.size()) {
        switch (packet.protocol) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
            packet.protocol = bytes[at];
            at += (std::size_t{bytes[at + 1]} + 1) * 8;
            break;
        case IPPROTO_FRAGMENT:
            packet.later_fragment = (number16(bytes, at + 2) & kOffset) != 0;
            packet.protocol = bytes[at];
            at += 8;
            if (packet.later_fragment) {
                return std::nullopt;
            }
            break;
        default:
            return at;
        }
    }
    return at < bytes.size() ? std::optional(at) : std::nullopt;
}

bool read_ipv6(Bytes bytes, PacketView& packet) {
    constexpr std::size_t kHeader = 40;
    if (bytes.size() < kHeader) {
        return false;
    }
    packet.protocol = bytes[6];
    packet.hop_limit = bytes[7];
    packet.source = address_at(bytes, 8, IpFamily::v6);
    packet.destination = address_at(bytes, 24, IpFamily::v6);
    if (const auto transport = skip_extensions(bytes, kHeader, packet)) {
        read_transport(bytes.subspan(*transport), packet);
    }
    return true;
}

Hook hook_from(std::uint8_t number) {
    switch (number) {
    case NF_INET_LOCAL_IN:
        return Hook::input;
    case NF_INET_FORWARD:
        return Hook::forward;
    case NF_INET_POST_ROUTING:
        return Hook::postrouting;
    default:
        return Hook::output;
    }
}

std::optional<std::uint32_t> number_in(const nlattr* attribute) {
    std::uint32_t number = 0;
    if (attribute == nullptr || nla_len(attribute) != sizeof number) {
        return std::nullopt;
    }
    std::memcpy(&number, nla_data(attribute), sizeof number);
    return ntohl(number);
}

/// Up to the first NUL, if there is one.
std::string text_in(const nlattr* attribute) {
    if (attribute == nullptr) {
        return {};
    }
    const auto* const text = static_cast<const char*>(nla_data(attribute));
    return {text, strnlen(text, static_cast<std::size_t>(nla_len(attribute)))};
}

}  // namespace

bool read_headers(Bytes bytes, PacketView& packet) {
    if (bytes.empty()) {
        return false;
    }
    const unsigned version = bytes[0] >> 4U;
    return version == 4 ? read_ipv4(bytes, packet) : version == 6 && read_ipv6(bytes, packet);
}

std::optional<LoggedPacket> logged_packet(const nlmsghdr& message) {
    constexpr int kPacket = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET;
    std::array<nlattr*, NFULA_MAX + 1> found{};
    auto* const raw = const_cast<nlmsghdr*>(&message);  // libnl only reads.
    if (message.nlmsg_type != kPacket ||
        nlmsg_parse(raw, sizeof(nfgenmsg), found.data(), NFULA_MAX, nullptr) < 0 ||
        found[NFULA_PAYLOAD] == nullptr) {
        return std::nullopt;
    }
    LoggedPacket logged;
    const auto* const first = static_cast<const std::uint8_t*>(nla_data(found[NFULA_PAYLOAD]));
    const auto size = static_cast<std::size_t>(nla_len(found[NFULA_PAYLOAD]));
    if (!read_headers({first, size}, logged.packet)) {
        return std::nullopt;
    }
    if (const nlattr* const header = found[NFULA_PACKET_HDR];
        header != nullptr && nla_len(header) >= static_cast<int>(sizeof(nfulnl_msg_packet_hdr))) {
        nfulnl_msg_packet_hdr about{};
        std::memcpy(&about, nla_data(header), sizeof about);
        logged.packet.hook = hook_from(about.hook);
    }
    logged.prefix = text_in(found[NFULA_PREFIX]);
    logged.packet.mark = number_in(found[NFULA_MARK]).value_or(0);
    logged.packet.uid = number_in(found[NFULA_UID]);
    logged.packet.gid = number_in(found[NFULA_GID]);
    logged.in_index = static_cast<int>(number_in(found[NFULA_IFINDEX_INDEV]).value_or(0));
    logged.out_index = static_cast<int>(number_in(found[NFULA_IFINDEX_OUTDEV]).value_or(0));
    return logged;
}

}  // namespace ks
