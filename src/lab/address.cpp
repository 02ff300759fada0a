// SPDX-License-Identifier: GPL-2.0-or-later
#include "address.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <arpa/inet.h>

namespace ks::lab {
namespace {

constexpr std::uint8_t kEchoRequest4 = 8;
constexpr std::uint8_t kEchoRequest6 = 128;

/// The Internet checksum, in host order. Source: RFC 1071.
std::uint16_t checksum(std::string_view bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto byte = static_cast<std::uint8_t>(bytes[i]);
        sum += i % 2 == 0 ? static_cast<std::uint32_t>(byte) << 8 : byte;
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

}  // namespace

SocketAddress::SocketAddress(const IpAddress& address, std::uint16_t port, std::uint32_t scope) {
    if (address.family == IpFamily::v4) {
        auto* const in = reinterpret_cast<sockaddr_in*>(&storage);
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        std::memcpy(&in->sin_addr, address.bytes.data(), 4);
        size = sizeof(sockaddr_in);
    } else {
        auto* const in = reinterpret_cast<sockaddr_in6*>(&storage);
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(port);
        in->sin6_scope_id = scope;
        std::memcpy(&in->sin6_addr, address.bytes.data(), 16);
        size = sizeof(sockaddr_in6);
    }
}

IpAddress SocketAddress::address() const {
    IpAddress found;
    if (storage.ss_family == AF_INET6) {
        found.family = IpFamily::v6;
        std::memcpy(found.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr,
                    16);
    } else {
        std::memcpy(found.bytes.data(), &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr,
                    4);
    }
    return found;
}

std::uint16_t SocketAddress::port() const {
    return ntohs(storage.ss_family == AF_INET6
                     ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                     : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

IpAddress any_address(IpFamily family) {
    IpAddress any;
    any.family = family;
    return any;
}

std::string icmp_echo(IpFamily family, std::string_view payload) {
    std::string packet(8, '\0');
    packet[0] = static_cast<char>(family == IpFamily::v4 ? kEchoRequest4 : kEchoRequest6);
    packet += payload;
    if (family == IpFamily::v4) {  // The kernel fills in ICMPv6's checksum alone.
        const std::uint16_t sum = checksum(packet);
        packet[2] = static_cast<char>(sum >> 8);
        packet[3] = static_cast<char>(sum & 0xff);
    }
    return packet;
}

bool set_option(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool bind_to_device(int fd, std::string_view device) {
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device.data(),
                      static_cast<socklen_t>(device.size())) == 0;
}

}  // namespace ks::lab
