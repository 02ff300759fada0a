// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire.hpp"

#include "killswitchd/net.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace ks::test {

namespace {

void put8(std::string& out, unsigned value) {
    out.push_back(static_cast<char>(value & 0xffU));
}
void put16(std::string& out, unsigned value) {
    put8(out, value >> 8U);
    put8(out, value);
}
void put_address(std::string& out, const IpAddress& address) {
    out.append(reinterpret_cast<const char*>(address.bytes.data()), address.size());
}
void set16(std::string& out, std::size_t at, unsigned value) {
    out[at] = static_cast<char>(value >> 8U);
    out[at + 1] = static_cast<char>(value & 0xffU);
}

/// Source: RFC 1071.
unsigned checksum(const std::string& data) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < data.size(); i += 2) {
        sum += static_cast<std::uint32_t>(static_cast<std::uint8_t>(data[i])) << 8U;
        if (i + 1 < data.size()) {
            sum += static_cast<std::uint8_t>(data[i + 1]);
        }
    }
    while ((sum >> 16U) != 0) {
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return ~sum & 0xffffU;
}

/// The beginning of the packet that an ICMP error is about: an IP header of the same family.
void put_inner(std::string& out, const PacketView& packet) {
    if (!packet.inner_destination) {
        return;
    }
    const bool v4 = packet.inner_destination->family == IpFamily::v4;
    std::string header(v4 ? 16 : 24, '\0');
    header[0] = v4 ? 0x45 : 0x60;
    out += header;
    put_address(out, *packet.inner_destination);
}

struct Transport {
    std::string bytes;
    std::size_t checksum_at = 0;  ///< 0: the protocol has none.
};

Transport transport(const PacketView& packet) {
    constexpr unsigned kTaggedUdpBytes = 12;
    constexpr unsigned kSyn = 0x02, kAck = 0x10;
    Transport made;
    std::string& out = made.bytes;
    switch (packet.protocol) {
    case proto::kUdp:
        put16(out, packet.source_port);
        put16(out, packet.destination_port);
        put16(out, kTaggedUdpBytes);
        put16(out, 0);
        made.checksum_at = 6;
        break;
    case proto::kTcp:
        put16(out, packet.source_port);
        put16(out, packet.destination_port);
        out.append("\x01\x02\x03\x04\x05\x06\x07\x08", 8);
        put8(out, 0x50);  // Five words of header.
        put8(out, packet.tcp_opening ? kSyn : kAck | (packet.source_port % 2 == 0 ? kSyn : 0));
        put16(out, 1024);
        out.append(4, '\0');
        made.checksum_at = 16;
        break;
    case proto::kIcmp:
    case proto::kIcmpv6:
        put8(out, packet.icmp_type);
        put8(out, packet.icmp_code);
        out.append(6, '\0');
        put_inner(out, packet);
        made.checksum_at = 2;
        break;
    default:
        out.append(8, '\x11');
    }
    return made;
}

std::string pseudo_header(const PacketView& packet, std::size_t length) {
    std::string out;
    if (packet.protocol == proto::kIcmp) {
        return out;
    }
    put_address(out, packet.source);
    put_address(out, packet.destination);
    put16(out, static_cast<unsigned>(length));
    put16(out, packet.protocol);
    return out;
}

}  // namespace

std::string wire(const PacketView& packet, std::uint32_t tag) {
    Transport inner = transport(packet);
    inner.bytes.append(reinterpret_cast<const char*>(&tag), sizeof(tag));
    if (inner.checksum_at != 0) {
        const unsigned sum = checksum(pseudo_header(packet, inner.bytes.size()) + inner.bytes);
        set16(inner.bytes, inner.checksum_at, sum == 0 ? 0xffffU : sum);
    }
    std::string out;
    if (packet.source.family == IpFamily::v4) {
        constexpr unsigned kHeaderBytes = 20;
        put16(out, 0x4500);
        put16(out, static_cast<unsigned>(kHeaderBytes + inner.bytes.size()));
        put16(out, tag & 0xffffU);
        put16(out, 0);
        put8(out, packet.hop_limit);
        put8(out, packet.protocol);
        put16(out, 0);
        put_address(out, packet.source);
        put_address(out, packet.destination);
        set16(out, 10, checksum(out));
    } else {
        out.append("\x60\0\0\0", 4);
        put16(out, static_cast<unsigned>(inner.bytes.size()));
        put8(out, packet.protocol);
        put8(out, packet.hop_limit);
        put_address(out, packet.source);
        put_address(out, packet.destination);
    }
    return out + inner.bytes;
}

bool has_tag(const std::string& bytes, std::uint32_t tag) {
    return bytes.size() >= sizeof(tag) &&
           std::memcmp(bytes.data() + bytes.size() - sizeof(tag), &tag, sizeof(tag)) == 0;
}

}  // namespace ks::test
