// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/tunnel_server.hpp"

#include "address.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/net.hpp"
#include "tunnel_device.hpp"
#include "tunnel_wire.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <poll.h>
#include <unistd.h>

namespace ks::lab {
namespace {

struct Listener {
    Fd fd;
    Transport transport = Transport::datagram;
};

class Server {
  public:
    Server(Fd tun, std::vector<Listener> listeners)
        : tun_(std::move(tun)), listeners_(std::move(listeners)) {}

    int serve() {
        for (;;) {
            std::vector<pollfd> waiting{{tun_.get(), POLLIN, 0}, {stream_.get(), POLLIN, 0}};
            for (const Listener& listener : listeners_) {
                waiting.push_back({listener.fd.get(), POLLIN, 0});
            }
            if (poll(waiting.data(), waiting.size(), -1) < 0) {
                return 1;
            }
            if (waiting[0].revents != 0) {
                from_tunnel();
            }
            if (waiting[1].revents != 0) {
                from_stream();
            }
            for (std::size_t i = 0; i < listeners_.size(); ++i) {
                if (waiting[i + 2].revents != 0) {
                    from_listener(listeners_[i]);
                }
            }
        }
    }

  private:
    void from_tunnel() {
        std::array<std::uint8_t, kMaxMessage> packet{};
        const auto got = read(tun_.get(), packet.data(), packet.size());
        if (got <= 0) {
            return;
        }
        const std::span<const std::uint8_t> bytes(packet.data(), static_cast<std::size_t>(got));
        if (stream_) {
            const ByteVector message = seal(MessageKind::data, bytes, Transport::stream);
            if (!writer_.send(stream_.get(), message)) {
                stream_.reset();
            }
        } else if (datagram_ != nullptr) {
            const ByteVector message = seal(MessageKind::data, bytes, Transport::datagram);
            sendto(datagram_->fd.get(), message.data(), message.size(), MSG_NOSIGNAL, client_.get(),
                   client_.size);
        }
    }

    void to_tunnel(std::span<const std::uint8_t> message) const {
        if (const auto packet = unseal(message)) {
            static_cast<void>(!write(tun_.get(), packet->data(), packet->size()));
        }
    }

    void from_stream() {
        std::array<std::uint8_t, kMaxMessage> bytes{};
        const auto got = recv(stream_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (got <= 0) {
            stream_.reset();
            return;
        }
        reader_.feed({bytes.data(), static_cast<std::size_t>(got)},
                     [this](std::span<const std::uint8_t> message) { to_tunnel(message); });
    }

    void from_listener(const Listener& listener) {
        if (listener.transport == Transport::stream) {
            stream_.reset(accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
            reader_ = {};
            writer_ = {};
            return;
        }
        std::array<std::uint8_t, kMaxMessage> message{};
        SocketAddress from;
        const auto got = recvfrom(listener.fd.get(), message.data(), message.size(), MSG_DONTWAIT,
                                  from.get(), &from.size);
        // Whoever speaks our language last is the client; probes at the port do not.
        if (got > 0 && message[0] <= static_cast<std::uint8_t>(MessageKind::data)) {
            datagram_ = &listener;
            client_ = from;
            stream_.reset();
            to_tunnel({message.data(), static_cast<std::size_t>(got)});
        }
    }

    Fd tun_;
    std::vector<Listener> listeners_;
    const Listener* datagram_ = nullptr;
    SocketAddress client_;
    Fd stream_;
    StreamReader reader_;
    StreamWriter writer_;
};

Result<Listener> listen_at(const Endpoint& endpoint) {
    const bool tcp = endpoint.protocol == proto::kTcp;
    Fd fd(socket(domain_of(endpoint.address), (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
    const SocketAddress at(endpoint.address, endpoint.port);
    if (!fd || !set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1) ||
        bind(fd.get(), at.get(), at.size) != 0 || (tcp && listen(fd.get(), 16) != 0)) {
        return Error{fmt::format("cannot serve the tunnel at {}", endpoint.str()), errno};
    }
    return Listener{std::move(fd), tcp ? Transport::stream : Transport::datagram};
}

}  // namespace

Result<TunnelServer> TunnelServer::start(Lab& lab) {
    std::vector<Listener> listeners;
    for (const Endpoint& endpoint : lab.options().endpoints) {
        if (endpoint.port == 0) {
            continue;
        }
        auto listener = lab.vpn().inside([&] { return listen_at(endpoint); });
        if (!listener) {
            return std::move(listener).error();
        }
        listeners.push_back(*std::move(listener));
    }
    if (listeners.empty()) {
        return Error{"the lab's tunnel needs an endpoint with a UDP or TCP port", EINVAL};
    }
    auto tun = make_tunnel_device(lab.vpn(), kServerDevice, ip(addr::kTunnelServer),
                                  ip(addr::kTunnelServer6));
    if (!tun) {
        return std::move(tun).error();
    }
    auto process =
        lab.vpn().start([&] { return Server(*std::move(tun), std::move(listeners)).serve(); });
    if (!process) {
        return std::move(process).error();
    }
    return TunnelServer(*std::move(process));
}

}  // namespace ks::lab
