// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet_socket.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

namespace ks::test {

namespace {

void put16(std::string& out, std::uint32_t value) {
    out.push_back(static_cast<char>(value >> 8U));
    out.push_back(static_cast<char>(value & 0xffU));
}

void put(std::string& out, const IpAddress& address) {
    out.append(address.bytes.begin(),
               address.bytes.begin() + static_cast<std::ptrdiff_t>(address.size()));
}

std::uint16_t checksum(const std::string& header) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < header.size(); i += 2) {
        sum += static_cast<std::uint32_t>(static_cast<unsigned char>(header[i]) << 8U |
                                          static_cast<unsigned char>(header[i + 1]));
    }
    sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~(sum + (sum >> 16U)));
}

std::string header4(const UdpPacket& packet, std::size_t inside) {
    std::string ip{'\x45', '\0'};
    put16(ip, static_cast<std::uint32_t>(20 + inside));
    ip.append(4, '\0');
    ip.append({64, 17, 0, 0});
    put(ip, packet.source);
    put(ip, packet.destination);
    const std::uint16_t sum = checksum(ip);
    ip[10] = static_cast<char>(sum >> 8U);
    ip[11] = static_cast<char>(sum & 0xffU);
    return ip;
}

std::string header6(const UdpPacket& packet, std::size_t inside) {
    std::string ip{'\x60', '\0', '\0', '\0'};
    put16(ip, static_cast<std::uint32_t>(inside));
    ip.append({17, 64});
    put(ip, packet.source);
    put(ip, packet.destination);
    return ip;
}

/// What the packet is, for the Ethernet header.
std::uint16_t ethertype(const std::string& packet) {
    return static_cast<unsigned char>(packet.at(0)) >> 4U == 6 ? ETH_P_IPV6 : ETH_P_IP;
}

Fd must(Result<Fd> made) {
    if (!made) {
        throw std::runtime_error(made.error().message());
    }
    return *std::move(made);
}

sockaddr_ll at(int index, std::uint16_t type) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(type);
    address.sll_ifindex = index;
    address.sll_halen = ETH_ALEN;
    return address;
}

}  // namespace

std::string ip_bytes(const UdpPacket& packet) {
    std::string udp;
    put16(udp, 40000);
    put16(udp, packet.port);
    put16(udp, static_cast<std::uint32_t>(8 + packet.payload.size()));
    put16(udp, 0);
    udp += packet.payload;
    return packet.destination.family == IpFamily::v4 ? header4(packet, udp.size()) + udp
                                                     : header6(packet, udp.size()) + udp;
}

std::string ethernet_frame(const Mac& from, const Mac& to, std::uint16_t type,
                           const std::string& payload) {
    std::string frame(to.begin(), to.end());
    frame.append(from.begin(), from.end());
    put16(frame, type);
    return frame + payload;
}

PacketSocket::PacketSocket(lab::Node& node, const std::string& device, How how)
    : how_(how), fd_(must(node.socket(AF_PACKET, how == How::dgram ? SOCK_DGRAM : SOCK_RAW, 0))) {
    const auto index = node.net().index(device);
    const auto own = node.net().mac(device);
    if (!index || !own) {
        throw std::runtime_error("no device " + device);
    }
    index_ = static_cast<int>(*index);
    own_ = *own;
    const int on = 1;
    if (how == How::bypass &&
        setsockopt(fd_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) {
        throw std::system_error(errno, std::generic_category(), "PACKET_QDISC_BYPASS");
    }
}

bool PacketSocket::send(const std::string& packet, const Mac& to) const {
    if (how_ != How::dgram) {
        return send_frame(ethernet_frame(own_, to, ethertype(packet), packet));
    }
    sockaddr_ll address = at(index_, ethertype(packet));
    std::ranges::copy(to, address.sll_addr);
    return sendto(fd_.get(), packet.data(), packet.size(), 0,
                  reinterpret_cast<const sockaddr*>(&address), sizeof address) > 0;
}

bool PacketSocket::send_frame(const std::string& frame) const {
    const sockaddr_ll address = at(index_, 0);
    return sendto(fd_.get(), frame.data(), frame.size(), 0,
                  reinterpret_cast<const sockaddr*>(&address), sizeof address) > 0;
}

Ear::Ear(lab::Node& node, const std::string& device)
    : fd_(must(node.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0))) {
    const auto index = node.net().index(device);
    const sockaddr_ll here = at(index ? static_cast<int>(*index) : 0, ETH_P_ALL);
    const int bytes = 16 << 20;
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) {
        throw std::system_error(errno, std::generic_category(), "listening at " + device);
    }
}

std::size_t Ear::heard(std::uint32_t tag) {
    return listen(tag, tag).count;
}

Ear::Heard Ear::both(std::uint32_t tag, std::uint32_t fence, lab::Millis limit) {
    Heard all;
    static_cast<void>(lab::eventually(limit, [&] {
        const Heard more = listen(tag, fence);
        all.count += more.count;
        all.fence = all.fence || more.fence;
        return all.fence;
    }));
    return all;
}

Ear::Heard Ear::listen(std::uint32_t tag, std::uint32_t fence) {
    const std::string text = lab::tag_text(tag);
    const std::string fence_text = lab::tag_text(fence);
    std::string buffer(2048, '\0');
    Heard heard;
    for (;;) {
        const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) {
            return heard;
        }
        const std::string_view frame(buffer.data(), static_cast<std::size_t>(got));
        heard.count += frame.find(text) != std::string_view::npos ? 1 : 0;
        heard.fence = heard.fence || frame.find(fence_text) != std::string_view::npos;
    }
}

}  // namespace ks::test
