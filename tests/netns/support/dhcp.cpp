// SPDX-License-Identifier: GPL-2.0-or-later
#include "dhcp.hpp"

#include "../../../src/lab/address.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>

namespace ks::test {

namespace {

using lab::Clock;
using lab::Millis;
using lab::SocketAddress;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint16_t kServerPort = 67;
constexpr std::uint16_t kClientPort = 68;
constexpr std::uint8_t kRequestOp = 1;
constexpr std::uint8_t kReplyOp = 2;
enum class Kind : std::uint8_t { discover = 1, offer = 2, request = 3, ack = 5 };

// Offsets in a BOOTP message (RFC 2131, section 2).
constexpr std::size_t kTransaction = 4;
constexpr std::size_t kClientAddress = 12;
constexpr std::size_t kCookie = 236;
constexpr std::size_t kOptions = 240;
constexpr std::size_t kKind = kOptions + 2;  ///< The first option, on both sides.

void put(Bytes& message, std::size_t at, std::span<const std::uint8_t> value) {
    std::ranges::copy(value, message.begin() + static_cast<std::ptrdiff_t>(at));
}

Bytes make_request(Kind kind, std::uint32_t transaction) {
    Bytes message(kOptions, 0);
    message[0] = kRequestOp;
    message[1] = 1;  // Ethernet, whose addresses have six bytes.
    message[2] = 6;
    const std::uint32_t wire = htonl(transaction);
    put(message, kTransaction, {reinterpret_cast<const std::uint8_t*>(&wire), sizeof wire});
    put(message, kCookie, std::array<std::uint8_t, 4>{0x63, 0x82, 0x53, 0x63});
    message.insert(message.end(), {53, 1, static_cast<std::uint8_t>(kind), 255});
    return message;
}

/// Whether `message` is the server's answer `kind` to `request`.
bool answers(std::span<const std::uint8_t> message, Kind kind, const Bytes& request) {
    return message.size() > kKind && message[0] == kReplyOp &&
           std::equal(message.begin() + kTransaction, message.begin() + kTransaction + 4,
                      request.begin() + kTransaction) &&
           message[kKind] == static_cast<std::uint8_t>(kind);
}

/// Reads from `fd` until a message, `skip` bytes into it, answers `request`.
bool await_answer(int fd, std::size_t skip, Kind kind, const Bytes& request,
                  Clock::time_point until) {
    for (;;) {
        const auto left = std::chrono::ceil<Millis>(until - Clock::now());
        pollfd waiting{fd, POLLIN, 0};
        if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) != 1) {
            return false;
        }
        std::array<std::uint8_t, 2048> message{};
        const auto got = recv(fd, message.data(), message.size(), 0);
        if (got < 0) {
            return false;
        }
        const auto size = static_cast<std::size_t>(got);
        if (size > skip && answers(std::span(message).subspan(skip, size - skip), kind, request)) {
            return true;
        }
    }
}

constexpr std::size_t kIpHeader = 20;
constexpr std::size_t kUdpHeader = 8;

/// The Internet checksum (RFC 1071).
std::uint16_t checksum(const Bytes& header) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < header.size(); i += 2) {
        sum += static_cast<std::uint32_t>(header[i] << 8 | header[i + 1]);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

/// `payload` in IPv4 and UDP from 0.0.0.0:68 to 255.255.255.255:67.
Bytes as_broadcast(const Bytes& payload) {
    const auto high = [](std::size_t number) { return static_cast<std::uint8_t>(number >> 8); };
    const auto low = [](std::size_t number) { return static_cast<std::uint8_t>(number & 0xff); };
    const std::size_t udp = kUdpHeader + payload.size();
    const std::size_t total = kIpHeader + udp;
    Bytes packet{0x45, 0, high(total), low(total), 0, 0, 0,    0,    64,   proto::kUdp,
                 0,    0, 0,           0,          0, 0, 0xff, 0xff, 0xff, 0xff};
    const std::uint16_t sum = checksum(packet);
    packet[10] = high(sum);
    packet[11] = low(sum);
    packet.insert(packet.end(), {0, kClientPort, 0, kServerPort, high(udp), low(udp), 0, 0});
    packet.insert(packet.end(), payload.begin(), payload.end());
    return packet;
}

}  // namespace

bool dhcp_discovers(lab::Lab& lab, Millis limit) {
    const auto index = lab.host().net().index(lab.uplink(0));
    const auto packets = lab.host().socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
    if (!index || !packets) {
        return false;
    }
    sockaddr_ll everyone{};
    everyone.sll_family = AF_PACKET;
    everyone.sll_protocol = htons(ETH_P_IP);
    everyone.sll_ifindex = static_cast<int>(*index);
    everyone.sll_halen = ETH_ALEN;
    std::ranges::fill(std::span(everyone.sll_addr).first(ETH_ALEN), std::uint8_t{0xff});
    const auto* const to = reinterpret_cast<const sockaddr*>(&everyone);
    if (bind(packets->get(), to, sizeof everyone) != 0) {
        return false;
    }
    const auto until = Clock::now() + limit;
    const auto ask = [&](Kind question, Kind answer, std::uint32_t transaction) {
        const Bytes request = make_request(question, transaction);
        const Bytes packet = as_broadcast(request);
        return sendto(packets->get(), packet.data(), packet.size(), 0, to, sizeof everyone) > 0 &&
               await_answer(packets->get(), kIpHeader + kUdpHeader, answer, request, until);
    };
    return ask(Kind::discover, Kind::offer, 0x1001) && ask(Kind::request, Kind::ack, 0x1002);
}

bool dhcp_renews(lab::Lab& lab, Millis limit) {
    const auto socket = lab.host().socket(AF_INET, SOCK_DGRAM, 0);
    const IpAddress own = lab::ip(lab::addr::kHost[0]);
    const SocketAddress from(own, kClientPort);
    const SocketAddress to(lab::ip(lab::addr::kRouter[0]), kServerPort);
    if (!socket || bind(socket->get(), from.get(), from.size) != 0 ||
        connect(socket->get(), to.get(), to.size) != 0) {
        return false;
    }
    Bytes request = make_request(Kind::request, 0x1003);
    put(request, kClientAddress, std::span(own.bytes).first(4));
    return send(socket->get(), request.data(), request.size(), 0) > 0 &&
           await_answer(socket->get(), 0, Kind::ack, request, Clock::now() + limit);
}

}  // namespace ks::test
