// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/knock.hpp"

#include "address.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"

#include <array>
#include <cerrno>
#include <cstdint>

#include <poll.h>
#include <sys/socket.h>

namespace ks::lab {

namespace {

bool ready(int fd, short events, Millis limit) {
    pollfd waiting{fd, events, 0};
    return poll(&waiting, 1, static_cast<int>(limit.count())) == 1 &&
           (waiting.revents & events) != 0;
}

/// A socket at `address`; it listens where that is a thing to do.
Fd open_at(const Knock& how, const IpAddress& address, std::uint16_t port) {
    const int type = how.protocol == proto::kTcp ? SOCK_STREAM : SOCK_DGRAM;
    Fd fd(socket(domain_of(address), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const SocketAddress at(address, port);
    const bool bound = fd && set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1) &&
                       bind(fd.get(), at.get(), at.size) == 0;
    return bound ? std::move(fd) : Fd();
}

bool connects(int fd, const SocketAddress& to, Millis limit) {
    if (connect(fd, to.get(), to.size) == 0) {
        return true;
    }
    int error = 0;
    socklen_t size = sizeof error;
    return errno == EINPROGRESS && ready(fd, POLLOUT, limit) &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

bool is_answered(int stranger, int door, const SocketAddress& to, Millis limit) {
    std::array<char, 16> text{};
    SocketAddress sender;
    return connect(stranger, to.get(), to.size) == 0 && send(stranger, "knock", 5, 0) == 5 &&
           ready(door, POLLIN, limit) &&
           recvfrom(door, text.data(), text.size(), 0, sender.get(), &sender.size) > 0 &&
           sendto(door, "come", 4, 0, sender.get(), sender.size) == 4 &&
           ready(stranger, POLLIN, limit) && recv(stranger, text.data(), text.size(), 0) > 0;
}

}  // namespace

bool knock(const Node& stranger, const Node& door, const Knock& how, Millis limit) {
    const Fd listener = door.inside([&] { return open_at(how, how.to, how.port); });
    const Fd knocker = stranger.inside([&] { return open_at(how, how.from, 0); });
    if (!listener || !knocker) {
        return false;
    }
    const SocketAddress to(how.to, how.port);
    if (how.protocol != proto::kTcp) {
        return is_answered(knocker.get(), listener.get(), to, limit);
    }
    return listen(listener.get(), 1) == 0 && connects(knocker.get(), to, limit);
}

}  // namespace ks::lab
