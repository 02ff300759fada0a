// SPDX-License-Identifier: GPL-2.0-or-later
#include "services.hpp"

#include "address.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <poll.h>
#include <unistd.h>

namespace ks::lab {
namespace {

enum class Role : std::uint8_t { udp, tcp_listener, connection };

struct Channel {
    Fd fd;
    Role role = Role::udp;
    std::uint16_t port = 0;
    IpAddress peer;  ///< Connections only.
};

using Bytes = std::span<const std::uint8_t>;

std::string echo_of(const IpAddress& from, Bytes payload) {
    std::string text = fmt::format("from {};", from.str());
    text.append(payload.begin(), payload.end());
    return text;
}

void send_all(const Fd& fd, std::string_view text) {
    // Best effort: a peer that does not read loses data, never our time.
    static_cast<void>(send(fd.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

class Server {
  public:
    explicit Server(std::vector<Channel> channels) : channels_(std::move(channels)) {}

    int serve() {
        for (;;) {
            std::vector<pollfd> waiting;
            waiting.reserve(channels_.size());
            for (const Channel& channel : channels_) {
                waiting.push_back({channel.fd.get(), POLLIN, 0});
            }
            if (poll(waiting.data(), waiting.size(), -1) < 0) {
                return 1;
            }
            for (std::size_t i = 0; i < waiting.size(); ++i) {
                if (waiting[i].revents != 0) {
                    handle(i);
                }
            }
            std::erase_if(channels_, [](const Channel& channel) { return !channel.fd; });
        }
    }

  private:
    void handle(std::size_t which) {
        switch (channels_[which].role) {
        case Role::udp:
            return answer_datagram(channels_[which]);
        case Role::tcp_listener:
            return accept_from(channels_[which]);
        case Role::connection:
            return answer_stream(channels_[which]);
        }
    }

    void answer_datagram(const Channel& channel) {
        std::array<std::uint8_t, 2048> payload{};
        alignas(cmsghdr) std::array<char, 256> control{};
        SocketAddress from;
        iovec part{payload.data(), payload.size()};
        msghdr message{};
        message.msg_name = from.get();
        message.msg_namelen = from.size;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const auto got = recvmsg(channel.fd.get(), &message, MSG_DONTWAIT);
        if (got < 0) {
            return;
        }
        const Bytes request(payload.data(), static_cast<std::size_t>(got));
        std::string reply = echo_of(from.address(), request);
        if (channel.port == kDnsPort) {
            reply = answer_dns(request).value_or(reply);
        } else if (channel.port == kControlPort) {
            push_to_all();
            reply = kPushed;
        }
        // The received packet information, sent back, makes the asked address the source.
        forget_interface(message);
        part = {reply.data(), reply.size()};
        sendmsg(channel.fd.get(), &message, MSG_DONTWAIT);
    }

    /// Leaves the way back to routing, as for any answer.
    static void forget_interface(msghdr& message) {
        for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
            if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
                auto* const info = reinterpret_cast<in_pktinfo*>(CMSG_DATA(c));
                info->ipi_ifindex = 0;
                info->ipi_spec_dst = info->ipi_addr;
            } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
                reinterpret_cast<in6_pktinfo*>(CMSG_DATA(c))->ipi6_ifindex = 0;
            }
        }
    }

    void accept_from(const Channel& listener) {
        SocketAddress from;
        Fd fd(accept4(listener.fd.get(), from.get(), &from.size, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) {
            return;
        }
        const std::uint16_t port = listener.port;
        if (port == kPushPort) {
            send_all(fd, kPushed);
        }
        channels_.push_back({std::move(fd), Role::connection, port, from.address()});
    }

    static void answer_stream(Channel& channel) {
        std::array<std::uint8_t, 2048> payload{};
        const auto got = recv(channel.fd.get(), payload.data(), payload.size(), 0);
        if (got <= 0) {
            channel.fd.reset();
            return;
        }
        const Bytes request(payload.data(), static_cast<std::size_t>(got));
        if (channel.port == kPushPort) {
            return;
        }
        if (channel.port == kDnsPort && request.size() > 2) {
            if (auto answer = answer_dns(request.subspan(2))) {
                const std::array<char, 2> size{static_cast<char>(answer->size() >> 8),
                                               static_cast<char>(answer->size() & 0xff)};
                answer->insert(answer->begin(), size.begin(), size.end());
                return send_all(channel.fd, *answer);
            }
        }
        send_all(channel.fd, echo_of(channel.peer, request));
    }

    void push_to_all() const {
        for (const Channel& channel : channels_) {
            if (channel.role == Role::connection && channel.port == kPushPort) {
                send_all(channel.fd, kPushed);
            }
        }
    }

    std::vector<Channel> channels_;
};

Result<Channel> open_channel(Role role, IpFamily family, std::uint16_t port) {
    const bool v4 = family == IpFamily::v4;
    const int type = role == Role::udp ? SOCK_DGRAM : SOCK_STREAM;
    Fd fd(socket(v4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const SocketAddress any(any_address(family), port);
    const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    // Transparent: answers come from whatever address was asked, ours or AnyIP.
    const bool ready = fd && set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1) &&
                       set_option(fd.get(), level, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1) &&
                       set_option(fd.get(), level, v4 ? IP_PKTINFO : IPV6_RECVPKTINFO, 1) &&
                       (v4 || set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
                       bind(fd.get(), any.get(), any.size) == 0 &&
                       (role == Role::udp || listen(fd.get(), 64) == 0);
    if (!ready) {
        return Error{fmt::format("cannot serve port {}", port), errno};
    }
    return Channel{std::move(fd), role, port, {}};
}

}  // namespace

Result<Process> start_services(Node& node, std::span<const std::uint16_t> ports) {
    std::vector<Channel> channels;
    for (const std::uint16_t port : ports) {
        for (const Role role : {Role::udp, Role::tcp_listener}) {
            for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
                auto channel = node.inside([&] { return open_channel(role, family, port); });
                if (!channel) {
                    return std::move(channel).error().within("services of " + node.name());
                }
                channels.push_back(*std::move(channel));
            }
        }
    }
    return node.start([&] { return Server(std::move(channels)).serve(); });
}

}  // namespace ks::lab
