// SPDX-License-Identifier: GPL-2.0-or-later
#include "wireguard_messages.hpp"

#include "killswitchd/net.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace ks {

namespace {

template <std::size_t N>
using Attributes = std::array<nlattr*, N>;

/// The value of an attribute of exactly its size.
template <class T>
std::optional<T> value_of(const nlattr* attribute) {
    if (attribute == nullptr || nla_len(attribute) != static_cast<int>(sizeof(T))) {
        return std::nullopt;
    }
    T value{};
    std::memcpy(&value, nla_data(attribute), sizeof value);
    return value;
}

template <class T>
void set(T& target, const nlattr* attribute) {
    target = value_of<T>(attribute).value_or(target);
}

std::optional<Endpoint> endpoint_in(const nlattr* attribute) {
    IpAddress address;
    std::uint16_t port = 0;
    if (const auto v4 = value_of<sockaddr_in>(attribute); v4 && v4->sin_family == AF_INET) {
        std::memcpy(address.bytes.data(), &v4->sin_addr, sizeof v4->sin_addr);
        port = v4->sin_port;
    } else if (const auto v6 = value_of<sockaddr_in6>(attribute);
               v6 && v6->sin6_family == AF_INET6 && v6->sin6_scope_id == 0) {
        address.family = IpFamily::v6;
        std::memcpy(address.bytes.data(), &v6->sin6_addr, sizeof v6->sin6_addr);
        port = v6->sin6_port;
    }
    return port == 0 ? std::nullopt : std::optional(Endpoint{address, proto::kUdp, ntohs(port)});
}

/// Source: struct __kernel_timespec.
std::int64_t seconds_in(const nlattr* attribute) {
    const auto time = value_of<std::array<std::int64_t, 2>>(attribute);
    return time ? time->front() : 0;
}

void note_peer(nlattr* nest, VpnDevice& device) {
    Attributes<WGPEER_A_MAX + 1> found{};
    if (nla_parse_nested(found.data(), WGPEER_A_MAX, nest, nullptr) < 0) {
        return;
    }
    const auto key = value_of<std::array<std::uint8_t, WG_KEY_LEN>>(found[WGPEER_A_PUBLIC_KEY]);
    if (!key) {
        return;
    }
    const std::string id = base64_of_key(*key);
    if (!device.peers.empty() && device.peers.back().id == id) {
        return;  // Its other networks.
    }
    if (device.peers.size() == kMaxVpnPeers) {
        return;
    }
    VpnPeer peer;
    peer.id = id;
    peer.endpoint = endpoint_in(found[WGPEER_A_ENDPOINT]);
    peer.last_answer = moment_of_handshake(seconds_in(found[WGPEER_A_LAST_HANDSHAKE_TIME]));
    set(peer.received_bytes, found[WGPEER_A_RX_BYTES]);
    set(peer.sent_bytes, found[WGPEER_A_TX_BYTES]);
    set(peer.keepalive_seconds, found[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL]);
    device.peers.push_back(peer);
}

}  // namespace

void note_wireguard(const nlmsghdr& message, VpnDevice& device) {
    Attributes<WGDEVICE_A_MAX + 1> found{};
    auto* const raw = const_cast<nlmsghdr*>(&message);  // libnl only reads.
    if (nlmsg_parse(raw, sizeof(genlmsghdr), found.data(), WGDEVICE_A_MAX, nullptr) < 0) {
        return;
    }
    set(device.fwmark, found[WGDEVICE_A_FWMARK]);
    set(device.listen_port, found[WGDEVICE_A_LISTEN_PORT]);
    if (const nlattr* const peers = found[WGDEVICE_A_PEERS]; peers != nullptr) {
        auto* peer = static_cast<nlattr*>(nla_data(peers));
        int left = nla_len(peers);
        for (; nla_ok(peer, left) != 0; peer = nla_next(peer, &left)) {
            note_peer(peer, device);
        }
    }
}

std::optional<std::uint16_t> family_in(const nlmsghdr& message, std::string_view name) {
    Attributes<CTRL_ATTR_MAX + 1> found{};
    auto* const raw = const_cast<nlmsghdr*>(&message);  // libnl only reads.
    if (nlmsg_parse(raw, sizeof(genlmsghdr), found.data(), CTRL_ATTR_MAX, nullptr) < 0) {
        return std::nullopt;
    }
    const nlattr* const text = found[CTRL_ATTR_FAMILY_NAME];
    if (text == nullptr || nla_len(text) <= 0) {
        return std::nullopt;
    }
    const auto* const first = static_cast<const char*>(nla_data(text));
    const std::size_t length = strnlen(first, static_cast<std::size_t>(nla_len(text)));
    return std::string_view(first, length) == name
               ? value_of<std::uint16_t>(found[CTRL_ATTR_FAMILY_ID])
               : std::nullopt;
}

}  // namespace ks
