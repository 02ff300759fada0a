// SPDX-License-Identifier: GPL-2.0-or-later
#include "dhcp_server.hpp"

#include "address.hpp"
#include "dhcp.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <poll.h>

namespace ks::lab {
namespace {

constexpr std::uint32_t kLeaseSeconds = 3600;

struct Port {
    Fd fd;
    std::size_t uplink = 0;
};

DhcpMessage reply_to(const DhcpMessage& request, std::size_t uplink,
                     const std::vector<Prefix>& routes) {
    DhcpMessage reply;
    reply.type = request.type == DhcpType::discover ? DhcpType::offer : DhcpType::acknowledge;
    reply.transaction = request.transaction;
    reply.mac = request.mac;
    reply.client = request.client;
    reply.offered = ip(addr::kHost.at(uplink));
    reply.server = ip(addr::kRouter.at(uplink));
    reply.router = reply.server;
    reply.lease_seconds = kLeaseSeconds;
    reply.routes = routes;
    return reply;
}

void answer(const Port& port, const std::vector<Prefix>& routes) {
    std::array<std::uint8_t, 1500> bytes{};
    const auto got = recv(port.fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    const auto request =
        DhcpMessage::decode({bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0});
    if (!request || (request->type != DhcpType::discover && request->type != DhcpType::request)) {
        return;
    }
    const auto reply = reply_to(*request, port.uplink, routes).encode();
    // A renewing client has its address already and wants a unicast answer.
    const SocketAddress to(request->client.value_or(ip("255.255.255.255")), kDhcpClientPort);
    sendto(port.fd.get(), reply.data(), reply.size(), 0, to.get(), to.size);
}

int serve(const std::vector<Port>& ports, const std::vector<Prefix>& routes) {
    for (;;) {
        std::vector<pollfd> waiting;
        for (const Port& port : ports) {
            waiting.push_back({port.fd.get(), POLLIN, 0});
        }
        if (poll(waiting.data(), waiting.size(), -1) < 0) {
            return 1;
        }
        for (std::size_t i = 0; i < ports.size(); ++i) {
            if (waiting[i].revents != 0) {
                answer(ports[i], routes);
            }
        }
    }
}

Result<Port> open_port(const std::string& device, std::size_t uplink) {
    Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const SocketAddress any(any_address(IpFamily::v4), kDhcpServerPort);
    if (!fd || !bind_to_device(fd.get(), device) ||
        !set_option(fd.get(), SOL_SOCKET, SO_BROADCAST, 1) ||
        bind(fd.get(), any.get(), any.size) != 0) {
        return Error{fmt::format("cannot serve DHCP on {}", device), errno};
    }
    return Port{std::move(fd), uplink};
}

}  // namespace

Result<Process> start_dhcp_server(Node& provider, const std::vector<std::string>& devices,
                                  const std::vector<Prefix>& routes) {
    std::vector<Port> ports;
    for (std::size_t uplink = 0; uplink < devices.size(); ++uplink) {
        auto port = provider.inside([&] { return open_port(devices[uplink], uplink); });
        if (!port) {
            return std::move(port).error();
        }
        ports.push_back(*std::move(port));
    }
    return provider.start([&] { return serve(ports, routes); });
}

}  // namespace ks::lab
