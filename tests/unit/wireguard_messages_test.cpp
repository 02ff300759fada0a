// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "kernel/wireguard_messages.hpp"
#include "killswitchd/automatic.hpp"
#include "killswitchd/net.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace ks;

namespace {

template <class T>
std::string bytes(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string attribute(int type, const std::string& payload) {
    nlattr header{};
    header.nla_type = static_cast<std::uint16_t>(type);
    header.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + payload.size());
    std::string text = bytes(header) + payload;
    text.resize((text.size() + NLA_ALIGNTO - 1) / NLA_ALIGNTO * NLA_ALIGNTO);
    return text;
}

std::string nest(int type, const std::string& inner) {
    return attribute(type | NLA_F_NESTED, inner);
}

std::string at(const char* address, std::uint16_t port) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(port);
    inet_pton(AF_INET, address, &place.sin_addr);
    return attribute(WGPEER_A_ENDPOINT, bytes(place));
}

std::string at6(const char* address, std::uint16_t port, std::uint32_t zone = 0) {
    sockaddr_in6 place{};
    place.sin6_family = AF_INET6;
    place.sin6_port = htons(port);
    place.sin6_scope_id = zone;
    inet_pton(AF_INET6, address, &place.sin6_addr);
    return attribute(WGPEER_A_ENDPOINT, bytes(place));
}

/// In the order of get_peer() in drivers/net/wireguard/netlink.c.
std::string peer(char key, const std::string& endpoint, std::int64_t handshake = 0) {
    return attribute(WGPEER_A_PUBLIC_KEY, std::string(WG_KEY_LEN, key)) +
           attribute(WGPEER_A_PRESHARED_KEY, std::string(WG_KEY_LEN, '\0')) +
           attribute(WGPEER_A_LAST_HANDSHAKE_TIME,
                     bytes(std::array<std::int64_t, 2>{handshake, 5})) +
           attribute(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, bytes(std::uint16_t{25})) +
           attribute(WGPEER_A_TX_BYTES, bytes(std::uint64_t{148})) +
           attribute(WGPEER_A_RX_BYTES, bytes(std::uint64_t{92})) +
           attribute(WGPEER_A_PROTOCOL_VERSION, bytes(std::uint32_t{1})) + endpoint +
           nest(WGPEER_A_ALLOWEDIPS, "");
}

std::string device_part() {
    return attribute(WGDEVICE_A_LISTEN_PORT, bytes(std::uint16_t{51820})) +
           attribute(WGDEVICE_A_FWMARK, bytes(std::uint32_t{0xca6c})) +
           attribute(WGDEVICE_A_IFINDEX, bytes(std::uint32_t{7})) +
           attribute(WGDEVICE_A_IFNAME, std::string("wg0\0", 4)) +
           attribute(WGDEVICE_A_PRIVATE_KEY, std::string(WG_KEY_LEN, 'p')) +
           attribute(WGDEVICE_A_PUBLIC_KEY, std::string(WG_KEY_LEN, 'q'));
}

std::vector<char> message(const std::string& attributes) {
    nlmsghdr header{};
    genlmsghdr generic{WG_CMD_GET_DEVICE, WG_GENL_VERSION, 0};
    const std::string body = bytes(generic) + attributes;
    header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(body.size()));
    std::vector<char> whole(header.nlmsg_len);
    std::memcpy(whole.data(), &header, sizeof header);
    std::memcpy(whole.data() + NLMSG_HDRLEN, body.data(), body.size());
    return whole;
}

void note(const std::vector<char>& whole, VpnDevice& device) {
    note_wireguard(*reinterpret_cast<const nlmsghdr*>(whole.data()), device);
}

const std::string kWhole =
    device_part() +
    nest(WGDEVICE_A_PEERS, nest(0, peer('a', at("203.0.113.7", 51820), 1796026812)) +
                               nest(0, peer('b', at6("2001:db8::7", 443))));

}  // namespace

TEST_CASE("what the kernel says of a WireGuard device is understood", "[wireguard]") {
    VpnDevice device;
    note(message(kWhole), device);

    CHECK(device.fwmark == 0xca6c);
    CHECK(device.listen_port == 51820);
    REQUIRE(device.peers.size() == 2);
    const VpnPeer& first = device.peers[0];
    CHECK(first.id == "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=");
    CHECK(first.endpoint == Endpoint{*IpAddress::parse("203.0.113.7"), proto::kUdp, 51820});
    CHECK(first.last_answer ==
          std::chrono::system_clock::time_point(std::chrono::seconds(1796026812)));
    CHECK(first.received_bytes == 92);
    CHECK(first.sent_bytes == 148);
    CHECK(first.keepalive_seconds == 25);
    CHECK(device.peers[1].endpoint == Endpoint{*IpAddress::parse("2001:db8::7"), proto::kUdp, 443});
    CHECK_FALSE(device.peers[1].last_answer);
}

TEST_CASE("a device in several messages is one, and so is a peer", "[wireguard]") {
    VpnDevice device;
    note(message(device_part() +
                 nest(WGDEVICE_A_PEERS, nest(0, peer('a', at("203.0.113.7", 51820))))),
         device);
    const std::string rest = attribute(WGPEER_A_PUBLIC_KEY, std::string(WG_KEY_LEN, 'a')) +
                             nest(WGPEER_A_ALLOWEDIPS, "");
    note(message(nest(WGDEVICE_A_PEERS, nest(0, rest) + nest(0, peer('b', "")))), device);

    REQUIRE(device.peers.size() == 2);
    CHECK(device.peers[0].endpoint.has_value());
    CHECK_FALSE(device.peers[1].endpoint.has_value());
}

TEST_CASE("an address on the link is no server", "[wireguard]") {
    VpnDevice device;
    note(message(nest(WGDEVICE_A_PEERS, nest(0, peer('a', at6("fe80::1", 51820, 2))))), device);

    REQUIRE(device.peers.size() == 1);
    CHECK_FALSE(device.peers.front().endpoint);
}

TEST_CASE("messages cut off or bent anywhere are read without harm", "[wireguard][robustness]") {
    const std::vector<char> good = message(kWhole);
    for (std::size_t size = NLMSG_HDRLEN; size < good.size(); ++size) {
        std::vector<char> cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
        const auto length = static_cast<std::uint32_t>(size);
        std::memcpy(cut.data(), &length, sizeof length);
        VpnDevice device;
        note(cut, device);
        CHECK(device.peers.size() <= 2);
    }
    std::mt19937 random(20261130);
    for (int round = 0; round < 5'000; ++round) {
        std::vector<char> bent = good;
        bent[NLMSG_HDRLEN + random() % (bent.size() - NLMSG_HDRLEN)] =
            static_cast<char>(random() % 256);
        VpnDevice device;
        note(bent, device);
        CHECK(device.peers.size() <= 3);
    }
}

TEST_CASE("the family is found by its whole name", "[wireguard]") {
    const std::string family = attribute(CTRL_ATTR_FAMILY_ID, bytes(std::uint16_t{31})) +
                               attribute(CTRL_ATTR_FAMILY_NAME, std::string("wireguard\0", 10));
    const std::vector<char> whole = message(family);
    const auto& header = *reinterpret_cast<const nlmsghdr*>(whole.data());

    CHECK(family_in(header, "wireguard") == 31);
    CHECK_FALSE(family_in(header, "wireguard2"));
    CHECK_FALSE(family_in(header, "wire"));
}
