// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/net.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

namespace ks::lab {

/// IpAddress and port in the form that the socket calls want.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = sizeof(sockaddr_storage);

    SocketAddress() = default;
    /// \param scope  interface index for link-local and multicast IPv6, else 0.
    SocketAddress(const IpAddress& address, std::uint16_t port, std::uint32_t scope = 0);
    [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
    [[nodiscard]] const sockaddr* get() const noexcept {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
    [[nodiscard]] IpAddress address() const;
    [[nodiscard]] std::uint16_t port() const;
};

[[nodiscard]] inline int domain_of(const IpAddress& address) {
    return address.family == IpFamily::v4 ? AF_INET : AF_INET6;
}
[[nodiscard]] IpAddress any_address(IpFamily family);
/// An ICMP or ICMPv6 echo request for a raw socket.
[[nodiscard]] std::string icmp_echo(IpFamily family, std::string_view payload);
[[nodiscard]] bool set_option(int fd, int level, int name, int value);
[[nodiscard]] bool bind_to_device(int fd, std::string_view device);

}  // namespace ks::lab
