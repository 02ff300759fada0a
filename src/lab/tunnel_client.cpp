// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/tunnel_client.hpp"

#include "address.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "tunnel_device.hpp"
#include "tunnel_wire.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/fsuid.h>
#include <unistd.h>

namespace ks::lab {
namespace {

constexpr Millis kKeepAlive{100};

/// The client's process: packets between the tun device and the outer socket.
class Pump {
  public:
    Pump(Fd tun, const TunnelOptions& options)
        : tun_(std::move(tun)), options_(options),
          transport_(options.endpoint.protocol == proto::kTcp ? Transport::stream
                                                              : Transport::datagram),
          server_(options.endpoint.address, options.endpoint.port) {}

    int run() {
        if (!options_.cgroup.empty() && !join_cgroup()) {
            return 1;
        }
        auto next_keep_alive = Clock::now();
        for (;;) {
            if (Clock::now() >= next_keep_alive) {
                next_keep_alive = Clock::now() + kKeepAlive;
                if (!outer_) {
                    open_outer();
                }
                transmit(seal(MessageKind::keep_alive, {}, transport_));
            }
            std::array<pollfd, 2> waiting{{{tun_.get(), POLLIN, 0}, {outer_.get(), POLLIN, 0}}};
            const auto left = std::chrono::ceil<Millis>(next_keep_alive - Clock::now());
            if (poll(waiting.data(), waiting.size(), std::max(0, static_cast<int>(left.count()))) <
                0) {
                return 1;
            }
            if (waiting[0].revents != 0 && !from_tunnel()) {
                return 1;
            }
            if (waiting[1].revents != 0) {
                from_outer();
            }
        }
    }

  private:
    [[nodiscard]] bool join_cgroup() const {
        const Fd file(open((options_.cgroup + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
        return file && write(file.get(), "0", 1) == 1;
    }

    void open_outer() {
        // The kernel judges a packet's user by who opened the socket; the mark needs root.
        setfsgid(options_.group.value_or(0));
        setfsuid(options_.user.value_or(0));
        Fd fd(socket(server_.storage.ss_family,
                     (transport_ == Transport::stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC |
                         SOCK_NONBLOCK,
                     0));
        setfsuid(0);
        setfsgid(0);
        if (!fd || (options_.fwmark != 0 && !set_option(fd.get(), SOL_SOCKET, SO_MARK,
                                                        static_cast<int>(options_.fwmark)))) {
            return;
        }
        reader_ = {};
        writer_ = {};
        if (transport_ == Transport::stream &&
            connect(fd.get(), server_.get(), server_.size) != 0 && errno != EINPROGRESS) {
            return;
        }
        outer_ = std::move(fd);
    }

    void transmit(const ByteVector& message) {
        if (!outer_) {
            return;
        }
        if (transport_ == Transport::datagram) {
            // Not connected: the source address follows a change of uplink.
            sendto(outer_.get(), message.data(), message.size(), MSG_NOSIGNAL, server_.get(),
                   server_.size);
        } else if (!writer_.send(outer_.get(), message)) {
            outer_.reset();
        }
    }

    [[nodiscard]] bool from_tunnel() {
        std::array<std::uint8_t, kMaxMessage> packet{};
        const auto got = read(tun_.get(), packet.data(), packet.size());
        if (got > 0) {
            transmit(seal(MessageKind::data, {packet.data(), static_cast<std::size_t>(got)},
                          transport_));
        }
        return got > 0 || errno == EAGAIN || errno == EIO;  // EIO: set down for now.
    }

    void from_outer() {
        std::array<std::uint8_t, kMaxMessage> bytes{};
        const auto got = recv(outer_.get(), bytes.data(), bytes.size(), 0);
        if (got <= 0) {
            if (transport_ == Transport::stream && (got == 0 || errno != EAGAIN)) {
                outer_.reset();
            }
            return;
        }
        const std::span<const std::uint8_t> received(bytes.data(), static_cast<std::size_t>(got));
        if (transport_ == Transport::stream) {
            reader_.feed(received, [this](std::span<const std::uint8_t> m) { to_tunnel(m); });
        } else {
            to_tunnel(received);
        }
    }

    void to_tunnel(std::span<const std::uint8_t> message) const {
        if (const auto packet = unseal(message)) {
            static_cast<void>(!write(tun_.get(), packet->data(), packet->size()));
        }
    }

    Fd tun_;
    const TunnelOptions& options_;
    Transport transport_;
    SocketAddress server_;
    Fd outer_;
    StreamReader reader_;
    StreamWriter writer_;
};

Route endpoint_route(const Lab& lab, const TunnelOptions& options) {
    const IpAddress& to = options.endpoint.address;
    const bool v4 = to.family == IpFamily::v4;
    return {.to = Prefix::of(to, to.bits()),
            .device = lab.uplink(options.uplink),
            .gateway =
                ip(v4 ? addr::kRouter.at(options.uplink) : addr::kRouter6.at(options.uplink))};
}

}  // namespace

Status set_tunnel_routes(Lab& lab, const TunnelOptions& options, const std::string& server_device) {
    NetConfig& net = lab.host().net();
    if (auto outside = net.add_route(endpoint_route(lab, options)); !outside) {
        return outside;
    }
    for (const char* const half : {"0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"}) {
        auto inside = net.add_route({.to = *Prefix::parse(half), .device = options.interface});
        if (!inside) {
            return inside;
        }
    }
    return lab.return_guest_traffic(GuestReturn::vpn, server_device);
}

Status take_back_tunnel_routes(Lab& lab, const TunnelOptions& options) {
    const Status guests = lab.return_guest_traffic(GuestReturn::provider);
    const Status route = lab.host().net().delete_route(endpoint_route(lab, options));
    return guests ? route : guests;
}

TunnelClient::TunnelClient(Lab& lab, TunnelOptions options, Process process)
    : lab_(&lab), options_(std::move(options)), process_(std::move(process)) {}

Result<TunnelClient> TunnelClient::start(Lab& lab, const TunnelOptions& options) {
    if (options.endpoint.port == 0) {
        return Error{fmt::format("the lab's tunnel cannot use {}", options.endpoint.str()), EINVAL};
    }
    auto tun = make_tunnel_device(lab.host(), options.interface, ip(addr::kTunnelHost),
                                  ip(addr::kTunnelHost6));
    if (!tun) {
        return std::move(tun).error();
    }
    if (auto routed = set_tunnel_routes(lab, options, kServerDevice); !routed) {
        return std::move(routed).error().within("routing into the tunnel");
    }
    auto process = lab.host().start([&] { return Pump(*std::move(tun), options).run(); });
    if (!process) {
        return std::move(process).error();
    }
    return TunnelClient(lab, options, *std::move(process));
}

Status TunnelClient::disconnect() {
    Status routes = take_back_tunnel_routes(*lab_, options_);
    process_.kill();
    return routes;
}

}  // namespace ks::lab
