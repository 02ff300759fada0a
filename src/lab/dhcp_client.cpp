// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/dhcp_client.hpp"

#include "address.hpp"
#include "dhcp.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <poll.h>

namespace ks::lab {
namespace {

constexpr Millis kPerTry{100};

struct Client {
    Fd fd;
    SocketAddress server;
};

Result<Client> open_client(const Node& from, const std::string& device, const IpAddress& server) {
    return from.inside([&]() -> Result<Client> {
        Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const SocketAddress own(any_address(IpFamily::v4), kDhcpClientPort);
        if (!fd || !bind_to_device(fd.get(), device) ||
            !set_option(fd.get(), SOL_SOCKET, SO_BROADCAST, 1) ||
            bind(fd.get(), own.get(), own.size) != 0) {
            return Error{fmt::format("cannot open a DHCP client on {}", device), errno};
        }
        return Client{std::move(fd), SocketAddress(server, kDhcpServerPort)};
    });
}

/// Sends `request` until a reply of type `wanted` to it comes.
Result<DhcpMessage> exchange(const Client& client, const DhcpMessage& request, DhcpType wanted,
                             Clock::time_point until) {
    const auto bytes = request.encode();
    int send_errno = 0;
    while (Clock::now() < until) {
        if (sendto(client.fd.get(), bytes.data(), bytes.size(), 0, client.server.get(),
                   client.server.size) < 0) {
            send_errno = errno;
        }
        pollfd waiting{client.fd.get(), POLLIN, 0};
        while (poll(&waiting, 1, static_cast<int>(kPerTry.count())) == 1) {
            std::array<std::uint8_t, 1500> reply{};
            const auto got = recv(client.fd.get(), reply.data(), reply.size(), MSG_DONTWAIT);
            const auto message =
                DhcpMessage::decode({reply.data(), got > 0 ? static_cast<std::size_t>(got) : 0});
            if (message && message->transaction == request.transaction && message->type == wanted) {
                return *message;
            }
        }
    }
    return Error{"no answer from the DHCP server", send_errno != 0 ? send_errno : ETIMEDOUT};
}

DhcpLease to_lease(const DhcpMessage& message) {
    return {message.offered.value_or(IpAddress{}), message.server.value_or(IpAddress{}),
            message.routes};
}

}  // namespace

Result<DhcpLease> dhcp_lease(Node& from, const std::string& device, Millis limit) {
    const auto until = Clock::now() + limit;
    auto client = open_client(from, device, ip("255.255.255.255"));
    auto mac = from.net().mac(device);
    if (!client || !mac) {
        return client ? mac.error() : client.error();
    }
    DhcpMessage message;
    message.transaction = next_tag();
    message.mac = *mac;
    auto offer = exchange(*client, message, DhcpType::offer, until);
    if (!offer) {
        return std::move(offer).error();
    }
    message.type = DhcpType::request;
    message.requested = offer->offered;
    message.server = offer->server;
    auto granted = exchange(*client, message, DhcpType::acknowledge, until);
    if (!granted) {
        return std::move(granted).error();
    }
    return to_lease(*granted);
}

Result<DhcpLease> dhcp_renew(Node& from, const std::string& device, const DhcpLease& lease,
                             Millis limit) {
    auto client = open_client(from, device, lease.server);
    auto mac = from.net().mac(device);
    if (!client || !mac) {
        return client ? mac.error() : client.error();
    }
    DhcpMessage message;
    message.type = DhcpType::request;
    message.transaction = next_tag();
    message.mac = *mac;
    message.client = lease.address;
    auto granted = exchange(*client, message, DhcpType::acknowledge, Clock::now() + limit);
    if (!granted) {
        return std::move(granted).error();
    }
    return to_lease(*granted);
}

}  // namespace ks::lab
