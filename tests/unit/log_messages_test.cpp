// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "dice.hpp"
#include "kernel/log_messages.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>

using namespace ks;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes bytes_of(std::string_view address) {
    const IpAddress parsed = IpAddress::parse(address).value();
    return {parsed.bytes.begin(), parsed.bytes.begin() + static_cast<long>(parsed.size())};
}

void append(Bytes& to, const Bytes& more) {
    to.insert(to.end(), more.begin(), more.end());
}

/// 192.0.2.1 to 198.51.100.9, with `options` behind the fixed header.
Bytes ipv4(std::uint8_t protocol, const Bytes& payload, std::uint16_t fragment = 0,
           const Bytes& options = {}) {
    Bytes packet(12);
    packet[0] = static_cast<std::uint8_t>(0x40U | (20 + options.size()) / 4);
    packet[6] = static_cast<std::uint8_t>(fragment >> 8U);
    packet[7] = static_cast<std::uint8_t>(fragment);
    packet[8] = 63;
    packet[9] = protocol;
    append(packet, bytes_of("192.0.2.1"));
    append(packet, bytes_of("198.51.100.9"));
    append(packet, options);
    append(packet, payload);
    return packet;
}

Bytes ipv6(std::uint8_t next, const Bytes& payload) {
    Bytes packet(8);
    packet[0] = 0x60;
    packet[6] = next;
    packet[7] = 255;
    append(packet, bytes_of("2001:db8::1"));
    append(packet, bytes_of("2001:db8::9"));
    append(packet, payload);
    return packet;
}

const Bytes kUdp{0x12, 0x34, 0x00, 0x35, 0, 8, 0, 0};
const Bytes kSyn{0x12, 0x34, 0x01, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0};

PacketView read(const Bytes& bytes) {
    PacketView packet;
    REQUIRE(read_headers(bytes, packet));
    return packet;
}

std::string attribute(std::uint16_t type, const Bytes& payload) {
    nlattr header{};
    header.nla_type = type;
    header.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + payload.size());
    std::string text(reinterpret_cast<const char*>(&header), sizeof header);
    text.append(payload.begin(), payload.end());
    text.resize(NLA_ALIGN(header.nla_len));
    return text;
}

Bytes number(std::uint32_t value) {
    const std::uint32_t wire = htonl(value);
    Bytes bytes(sizeof wire);
    std::memcpy(bytes.data(), &wire, sizeof wire);
    return bytes;
}

Bytes words(const std::string& text) {
    return {text.begin(), text.end()};
}

/// A message as long as it says, alone in memory, so that a sanitizer sees every step beyond.
std::optional<LoggedPacket> parse(const std::string& attributes,
                                  std::uint16_t type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_len =
        static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof(nfgenmsg)) + attributes.size());
    std::vector<char> message(header.nlmsg_len);
    std::memcpy(message.data(), &header, sizeof header);
    std::copy(attributes.begin(), attributes.end(),
              message.begin() + NLMSG_LENGTH(sizeof(nfgenmsg)));
    return logged_packet(*reinterpret_cast<const nlmsghdr*>(message.data()));
}

std::string whole_message() {
    return attribute(NFULA_PACKET_HDR, {8, 0, NF_INET_FORWARD, 0}) +
           attribute(NFULA_PREFIX, words(std::string("guest") + '\0')) +
           attribute(NFULA_IFINDEX_INDEV, number(4)) + attribute(NFULA_IFINDEX_OUTDEV, number(7)) +
           attribute(NFULA_MARK, number(0xca6c)) + attribute(NFULA_UID, number(1000)) +
           attribute(NFULA_GID, number(100)) + attribute(NFULA_PAYLOAD, ipv4(17, kUdp));
}

}  // namespace

TEST_CASE("a logged packet is what its headers say", "[kernel][log]") {
    const PacketView udp = read(ipv4(17, kUdp));
    CHECK(udp.source.str() == "192.0.2.1");
    CHECK(udp.destination.str() == "198.51.100.9");
    CHECK(udp.protocol == proto::kUdp);
    CHECK(udp.source_port == 0x1234);
    CHECK(udp.destination_port == 53);
    CHECK(udp.hop_limit == 63);

    CHECK(read(ipv4(6, kSyn)).tcp_opening);
    CHECK(read(ipv4(17, kUdp, 0, Bytes(8))).destination_port == 53);
    CHECK(read(ipv4(1, {3, 4})).icmp_code == 4);
    CHECK(read(ipv6(17, kUdp)).destination_port == 53);
}

TEST_CASE("a logged fragment has ports only where it is the first", "[kernel][log]") {
    CHECK(read(ipv4(17, kUdp, 0x2000)).destination_port == 53);
    const PacketView later = read(ipv4(17, kUdp, 0x2001));
    CHECK(later.later_fragment);
    CHECK(later.destination_port == 0);

    const PacketView later6 = read(ipv6(44, {17, 0, 0, 8, 0, 0, 0, 0, 0x12, 0x34, 0, 53}));
    CHECK(later6.later_fragment);
    CHECK(later6.protocol == proto::kUdp);
    CHECK(later6.destination_port == 0);
}

TEST_CASE("IPv6 extension headers are walked, and never beyond the bytes", "[kernel][log]") {
    Bytes packet{43, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0};
    append(packet, kUdp);
    CHECK(read(ipv6(0, packet)).destination_port == 53);

    const PacketView cut = read(ipv6(0, {17, 255, 0, 0, 0, 0, 0, 0}));  // Says that 2 KiB follow.
    CHECK(cut.destination_port == 0);
}

TEST_CASE("a message of the log is read, and only such a one", "[kernel][log]") {
    const auto logged = parse(whole_message());
    REQUIRE(logged);
    CHECK(logged->prefix == "guest");
    CHECK(logged->packet.hook == Hook::forward);
    CHECK(logged->in_index == 4);
    CHECK(logged->out_index == 7);
    CHECK(logged->packet.mark == 0xca6c);
    CHECK(logged->packet.uid == 1000);
    CHECK(logged->packet.gid == 100);

    CHECK_FALSE(parse(whole_message(), NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG));
    CHECK_FALSE(parse(attribute(NFULA_PREFIX, words("dns"))));
    CHECK_FALSE(parse(attribute(NFULA_PAYLOAD, {0x45})));
    CHECK_FALSE(parse(attribute(NFULA_PAYLOAD, {})));
    CHECK(parse(attribute(NFULA_PREFIX, words("no end")) + attribute(NFULA_PAYLOAD, ipv4(17, kUdp)))
              ->prefix == "no end");
    CHECK_FALSE(
        parse(attribute(NFULA_UID, {1}) + attribute(NFULA_PAYLOAD, ipv4(17, kUdp)))->packet.uid);
}

TEST_CASE("headers that are cut anywhere, and random bytes, are read without harm",
          "[kernel][log]") {
    test::Dice dice(20261130);
    Bytes extended{43, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0};
    append(extended, kUdp);
    for (const Bytes& whole : {ipv4(6, kSyn), ipv4(17, kUdp, 0, Bytes(40)), ipv6(0, extended)}) {
        for (std::size_t length = 0; length <= whole.size(); ++length) {
            PacketView packet;
            const Bytes cut(whole.begin(), whole.begin() + static_cast<long>(length));
            const bool has_addresses = read_headers(cut, packet);
            CHECK(has_addresses == (length >= (whole[0] >> 4U == 4 ? 20U : 40U)));
        }
    }
    const std::string message = whole_message();
    for (int round = 0; round < 20000; ++round) {
        std::string bent = message.substr(0, dice.below(message.size() + 1));
        for (std::size_t i = dice.below(4); i > 0 && !bent.empty(); --i) {
            bent[dice.below(bent.size())] = static_cast<char>(dice.below(256));
        }
        static_cast<void>(parse(bent));
    }
}
