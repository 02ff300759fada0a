// SPDX-License-Identifier: GPL-2.0-or-later
#include "dhcp.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>
#include <vector>

namespace ks::lab {
namespace {

using Bytes = std::span<const std::uint8_t>;

// Source: RFC 2131 section 2 (offsets) and RFC 2132 (option numbers).
constexpr std::size_t kTransactionAt = 4;
constexpr std::size_t kClientAt = 12;
constexpr std::size_t kOfferedAt = 16;
constexpr std::size_t kMacAt = 28;
constexpr std::size_t kCookieAt = 236;
constexpr std::size_t kOptionsAt = 240;
constexpr std::size_t kMinimumBytes = 300;
constexpr std::array<std::uint8_t, 4> kCookie{0x63, 0x82, 0x53, 0x63};
constexpr std::uint8_t kSubnetMask = 1, kRouter = 3, kResolver = 6, kRequested = 50, kLease = 51,
                       kType = 53, kServer = 54, kClasslessRoutes = 121, kEnd = 255;

std::optional<IpAddress> address_at(Bytes bytes, std::size_t at) {
    IpAddress address;
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 4, address.bytes.begin());
    return address == IpAddress{} ? std::nullopt : std::optional(address);
}

std::uint32_t number_at(Bytes bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        value = value << 8 | bytes[at + i];
    }
    return value;
}

void put_number(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) {
        bytes[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
    }
}

void put_address(std::vector<std::uint8_t>& bytes, std::size_t at,
                 const std::optional<IpAddress>& address) {
    if (address) {
        std::copy_n(address->bytes.begin(), 4, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    }
}

void put_option(std::vector<std::uint8_t>& bytes, std::uint8_t code, Bytes value) {
    bytes.push_back(code);
    bytes.push_back(static_cast<std::uint8_t>(value.size()));
    std::ranges::copy(value, std::back_inserter(bytes));
}

void put_option(std::vector<std::uint8_t>& bytes, std::uint8_t code,
                const std::optional<IpAddress>& address) {
    if (address) {
        put_option(bytes, code, Bytes(address->bytes).first(4));
    }
}

/// RFC 3442: width, the significant octets of the destination, the router.
std::vector<std::uint8_t> classless(const std::vector<Prefix>& routes, const IpAddress& router) {
    std::vector<std::uint8_t> value;
    for (const Prefix& route : routes) {
        value.push_back(route.length);
        value.insert(value.end(), route.address.bytes.begin(),
                     route.address.bytes.begin() + (route.length + 7) / 8);
        value.insert(value.end(), router.bytes.begin(), router.bytes.begin() + 4);
    }
    return value;
}

std::vector<Prefix> read_classless(Bytes value) {
    std::vector<Prefix> routes;
    while (!value.empty()) {
        const std::size_t octets = (std::size_t{value[0]} + 7) / 8;
        if (value[0] > 32 || value.size() < 1 + octets + 4) {
            break;
        }
        IpAddress to;
        std::copy_n(value.begin() + 1, octets, to.bytes.begin());
        routes.push_back(Prefix::of(to, value[0]));
        value = value.subspan(1 + octets + 4);
    }
    return routes;
}

void read_option(DhcpMessage& message, std::uint8_t code, Bytes value) {
    if (code == kType && value.size() == 1) {
        message.type = static_cast<DhcpType>(value[0]);
    } else if (code == kClasslessRoutes) {
        message.routes = read_classless(value);
    } else if (value.size() < 4) {
        return;
    } else if (code == kRequested) {
        message.requested = address_at(value, 0);
    } else if (code == kServer) {
        message.server = address_at(value, 0);
    } else if (code == kRouter) {
        message.router = address_at(value, 0);
    } else if (code == kLease) {
        message.lease_seconds = number_at(value, 0);
    }
}

}  // namespace

std::optional<DhcpMessage> DhcpMessage::decode(Bytes bytes) {
    if (bytes.size() < kOptionsAt ||
        !std::equal(kCookie.begin(), kCookie.end(), bytes.begin() + kCookieAt)) {
        return std::nullopt;
    }
    DhcpMessage message;
    message.transaction = number_at(bytes, kTransactionAt);
    message.client = address_at(bytes, kClientAt);
    message.offered = address_at(bytes, kOfferedAt);
    std::copy_n(bytes.begin() + kMacAt, message.mac.size(), message.mac.begin());
    std::size_t at = kOptionsAt;
    while (at + 2 <= bytes.size() && bytes[at] != kEnd) {
        if (bytes[at] == 0) {
            ++at;
            continue;
        }
        const std::size_t length = bytes[at + 1];
        if (at + 2 + length > bytes.size()) {
            return std::nullopt;
        }
        read_option(message, bytes[at], bytes.subspan(at + 2, length));
        at += 2 + length;
    }
    return message;
}

std::vector<std::uint8_t> DhcpMessage::encode() const {
    std::vector<std::uint8_t> bytes(kOptionsAt);
    const bool reply =
        type == DhcpType::offer || type == DhcpType::acknowledge || type == DhcpType::refuse;
    bytes[0] = reply ? 2 : 1;
    bytes[1] = 1;
    bytes[2] = 6;
    put_number(bytes, kTransactionAt, transaction);
    put_address(bytes, kClientAt, client);
    put_address(bytes, kOfferedAt, offered);
    std::copy(mac.begin(), mac.end(), bytes.begin() + kMacAt);
    std::copy(kCookie.begin(), kCookie.end(), bytes.begin() + kCookieAt);
    put_option(bytes, kType, std::array{static_cast<std::uint8_t>(type)});
    put_option(bytes, kRequested, requested);
    put_option(bytes, kServer, server);
    put_option(bytes, kRouter, router);
    put_option(bytes, kResolver, router);
    if (lease_seconds != 0) {
        std::vector<std::uint8_t> seconds(4);
        put_number(seconds, 0, lease_seconds);
        put_option(bytes, kLease, seconds);
        put_option(bytes, kSubnetMask, std::array<std::uint8_t, 4>{255, 255, 255, 0});
    }
    if (router && !routes.empty()) {
        put_option(bytes, kClasslessRoutes, classless(routes, *router));
    }
    bytes.push_back(kEnd);
    bytes.resize(std::max(bytes.size(), kMinimumBytes));
    return bytes;
}

}  // namespace ks::lab
