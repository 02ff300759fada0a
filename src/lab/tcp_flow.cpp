// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/tcp_flow.hpp"

#include "address.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "services.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include <netinet/tcp.h>
#include <poll.h>

namespace ks::lab {
namespace {

bool readable(int fd, Millis limit) {
    pollfd waiting{fd, POLLIN, 0};
    return poll(&waiting, 1, static_cast<int>(limit.count())) == 1;
}

/// Reads all there is. \return whether there was any.
bool drain(int fd) {
    std::array<char, 4096> text{};
    bool any = false;
    while (recv(fd, text.data(), text.size(), MSG_DONTWAIT) > 0) {
        any = true;
    }
    return any;
}

/// Makes the internet send on every push connection; from beside the host, never through it.
Status command_push(Lab& lab, Millis limit) {
    auto fd = lab.provider().socket(AF_INET, SOCK_DGRAM, 0);
    if (!fd) {
        return std::move(fd).error();
    }
    const SocketAddress to(ip(addr::kInternet), kControlPort);
    if (connect(fd->get(), to.get(), to.size) != 0 || send(fd->get(), "", 1, 0) != 1) {
        return Error{"cannot command the internet to push", errno};
    }
    if (!readable(fd->get(), limit)) {
        return Error{"the internet did not obey the command to push", ETIMEDOUT};
    }
    return Done{};
}

}  // namespace

TcpFlow::TcpFlow(Lab& lab, Fd socket, IpAddress to, std::uint16_t local_port)
    : lab_(&lab), socket_(std::move(socket)), to_(to), local_port_(local_port), tag_(next_tag()) {}

Result<TcpFlow> TcpFlow::open(Lab& lab, const Node& from, const IpAddress& to, Millis limit) {
    auto fd = from.socket(domain_of(to), SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (!fd) {
        return std::move(fd).error();
    }
    const SocketAddress where(to, kPushPort);
    if (connect(fd->get(), where.get(), where.size) != 0 && errno != EINPROGRESS) {
        return Error{"cannot open a long-lived connection", errno};
    }
    if (!readable(fd->get(), limit) || !drain(fd->get())) {
        return Error{"the long-lived connection got no greeting", ETIMEDOUT};
    }
    SocketAddress own;
    if (getsockname(fd->get(), own.get(), &own.size) != 0) {
        return Error{"cannot read the port of the long-lived connection", errno};
    }
    return TcpFlow(lab, *std::move(fd), to, own.port());
}

int TcpFlow::push() {
    // Without Nagle's delay, or the second push would wait for the first one's acknowledgement.
    if (!set_option(socket_.get(), IPPROTO_TCP, TCP_NODELAY, 1)) {
        return errno;
    }
    const std::string text = tag_text(tag_);
    return send(socket_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno
                                                                                          : 0;
}

Result<bool> TcpFlow::receive_push(Millis limit) {
    if (auto sent = command_push(*lab_, Millis{2000}); !sent) {
        return std::move(sent).error();
    }
    // Reading everything makes the kernel acknowledge now instead of 40 ms later.
    const bool quick = set_option(socket_.get(), IPPROTO_TCP, TCP_QUICKACK, 1);
    const bool arrived = readable(socket_.get(), limit) && drain(socket_.get());
    return quick && arrived;
}

bool TcpFlow::matches(const FrameInfo& frame) const {
    return frame.protocol == proto::kTcp && frame.source_port == local_port_ &&
           frame.destination_port == kPushPort && frame.destination == to_;
}

}  // namespace ks::lab
