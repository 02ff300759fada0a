// SPDX-License-Identifier: GPL-2.0-or-later
#include "neighbour.hpp"

#include "../../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>

namespace ks::test {

namespace {

void put32(std::string& out, std::uint32_t value) {
    for (unsigned shift = 32; shift != 0; shift -= 8) {
        out.push_back(static_cast<char>(value >> (shift - 8) & 0xffU));
    }
}

void put(std::string& out, const char* address, std::size_t size_bytes) {
    const IpAddress parsed = lab::ip(address);
    out.append(parsed.bytes.begin(),
               parsed.bytes.begin() + static_cast<std::ptrdiff_t>(size_bytes));
}

}  // namespace

std::string about_neighbour(const char* target) {
    std::string body(4, '\0');
    put(body, target, 16);
    return body;
}

// Source: RFC 4861, sections 4.2 and 4.6.2; RFC 4191, section 2.3.
std::string advertisement(const char* prefix, const char* route) {
    constexpr std::uint32_t kLifetime = 1800;
    constexpr std::uint32_t kLongLifetime = 7200;
    std::string body;
    put32(body, kLifetime);
    put32(body, 0);
    put32(body, 0);
    body.append({3, 4, 64, '\x40'});
    put32(body, kLongLifetime);
    put32(body, kLongLifetime);
    put32(body, 0);
    put(body, prefix, 16);
    body.append({24, 2, 48, '\x08'});
    put32(body, kLifetime);
    put(body, route, 8);
    return body;
}

void send_neighbour(lab::Node& from, const char* device, const NeighbourMessage& message) {
    std::string bytes{static_cast<char>(message.type), '\0', '\0', '\0'};
    bytes += message.body;
    const auto index = from.net().index(device);
    const auto fd = from.socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    REQUIRE((index && fd));
    REQUIRE(lab::bind_to_device(fd->get(), device));
    REQUIRE(lab::set_option(fd->get(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, message.hop_limit));
    REQUIRE(lab::set_option(fd->get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, message.hop_limit));
    if (message.source != nullptr) {
        const lab::SocketAddress own(lab::ip(message.source), 0, *index);
        REQUIRE(bind(fd->get(), own.get(), own.size) == 0);
    }
    const lab::SocketAddress to(lab::ip(message.to), 0, *index);
    static_cast<void>(sendto(fd->get(), bytes.data(), bytes.size(), 0, to.get(), to.size));
}

}  // namespace ks::test
