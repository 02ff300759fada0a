// SPDX-License-Identifier: GPL-2.0-or-later
#include "segment.hpp"

#include "../../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ks::test {

namespace {

using Bytes = std::vector<std::uint8_t>;

void put16(Bytes& bytes, std::size_t value) {
    bytes.push_back(static_cast<std::uint8_t>(value >> 8 & 0xff));
    bytes.push_back(static_cast<std::uint8_t>(value & 0xff));
}

void put(Bytes& bytes, const IpAddress& address) {
    bytes.insert(bytes.end(), address.bytes.begin(),
                 address.bytes.begin() + static_cast<std::ptrdiff_t>(address.size()));
}

/// RFC 1071, over `bytes` after a pseudo header.
std::uint16_t checksum(Bytes bytes, const Bytes& pseudo = {}) {
    bytes.insert(bytes.begin(), pseudo.begin(), pseudo.end());
    if (bytes.size() % 2 != 0) {
        bytes.push_back(0);
    }
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

void store(Bytes& bytes, std::size_t at, std::uint16_t value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<std::uint8_t>(value & 0xff);
}

void send_raw(const lab::Node& from, const IpAddress* source, const IpAddress& to,
              std::uint8_t protocol, const Bytes& bytes) {
    const lab::SocketAddress address(to, 0);
    const auto fd = from.socket(address.storage.ss_family, SOCK_RAW, protocol);
    REQUIRE(fd);
    if (source != nullptr) {
        const lab::SocketAddress own(*source, 0);
        REQUIRE(bind(fd->get(), own.get(), own.size) == 0);
    }
    REQUIRE(sendto(fd->get(), bytes.data(), bytes.size(), 0, address.get(), address.size) ==
            static_cast<ssize_t>(bytes.size()));
}

}  // namespace

void send_segment(const lab::Node& from, const char* source, const char* to, std::uint8_t flags,
                  std::uint16_t source_port, std::uint16_t port) {
    constexpr std::size_t kHeader = 20;
    constexpr std::size_t kChecksum = 16;
    const IpAddress own = lab::ip(source);
    const IpAddress far = lab::ip(to);
    Bytes segment;
    put16(segment, source_port);
    put16(segment, port);
    segment.insert(segment.end(), {0, 0, 0, 1, 0, 0, 0, 1, kHeader / 4 << 4, flags});
    put16(segment, 64240);
    segment.resize(kHeader);
    Bytes pseudo;
    put(pseudo, own);
    put(pseudo, far);
    pseudo.insert(pseudo.end(), {0, proto::kTcp});
    put16(pseudo, segment.size());
    store(segment, kChecksum, checksum(segment, pseudo));
    send_raw(from, &own, far, proto::kTcp, segment);
}

void send_error(const lab::Node& from, const IpAddress& to, const IcmpError& error) {
    const bool v4 = error.about_source.family == IpFamily::v4;
    Bytes inner;
    if (v4) {
        inner = {0x45, 0, 0x05, 0xdc, 0, 0, 0x40, 0, 64, proto::kUdp, 0, 0};
        put(inner, error.about_source);
        put(inner, error.about_destination);
        store(inner, 10, checksum(inner));
    } else {
        inner = {0x60, 0, 0, 0, 0x05, 0xb4, proto::kUdp, 64};
        put(inner, error.about_source);
        put(inner, error.about_destination);
    }
    put16(inner, error.about_source_port);
    put16(inner, error.about_port);
    put16(inner, 1480);
    put16(inner, 0);
    Bytes message{error.type, error.code, 0, 0, 0, 0};
    put16(message, error.mtu);
    message.insert(message.end(), inner.begin(), inner.end());
    if (v4) {  // For ICMPv6 the kernel does it.
        store(message, 2, checksum(message));
    }
    send_raw(from, nullptr, to, v4 ? proto::kIcmp : proto::kIcmpv6, message);
}

void send_datagram(const lab::Node& from, const char* source, std::uint16_t source_port,
                   const char* to, std::uint16_t port) {
    const lab::SocketAddress own(lab::ip(source), source_port);
    const lab::SocketAddress far(lab::ip(to), port);
    auto fd = from.socket(lab::domain_of(lab::ip(to)), SOCK_DGRAM, 0);
    REQUIRE(fd);
    const int one = 1;
    REQUIRE(::setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
    REQUIRE(::bind(fd->get(), own.get(), own.size) == 0);
    static_cast<void>(::sendto(fd->get(), "x", 1, 0, far.get(), far.size));
}

}  // namespace ks::test
