// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink_socket.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <netlink/msg.h>

#include <sys/socket.h>
#include <sys/time.h>

namespace ks {

namespace {

constexpr int kReceiveBufferBytes = 8 * 1024 * 1024;
/// Larger than any message the kernel builds; one that is cut all the same counts as lost.
constexpr std::size_t kMessageBytes = 128UL * 1024;
constexpr timeval kDumpTimeout{5, 0};

/// A smaller buffer only means more dumps, so failure is no error. Forcing needs CAP_NET_ADMIN.
void enlarge_receive_buffer(int fd) {
    const int wanted = kReceiveBufferBytes;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
    }
}

/// Source: NLMSG_DONE and NLMSG_ERROR both begin with a negative errno or 0.
int errno_in(const nlmsghdr& message) {
    int code = 0;
    if (nlmsg_datalen(&message) >= static_cast<int>(sizeof code)) {
        std::memcpy(&code, nlmsg_data(&message), sizeof code);
    }
    return -code;
}

}  // namespace

NetlinkSocket::NetlinkSocket(NetlinkProtocol protocol, Fd fd)
    : protocol_(protocol), fd_(std::move(fd)), buffer_(kMessageBytes) {}

Result<NetlinkSocket> NetlinkSocket::open(NetlinkProtocol protocol, int type_flags) {
    Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | type_flags, protocol.number));
    if (!fd) {
        return Error{fmt::format("cannot open a socket for {}", protocol.name), errno};
    }
    sockaddr_nl own{};
    own.nl_family = AF_NETLINK;
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
        return Error{fmt::format("cannot bind a socket for {}", protocol.name), errno};
    }
    return NetlinkSocket(protocol, std::move(fd));
}

Result<NetlinkSocket> NetlinkSocket::open_events(NetlinkProtocol protocol,
                                                 const std::vector<int>& groups) {
    auto socket = open(protocol, SOCK_NONBLOCK);
    if (!socket) {
        return socket;
    }
    enlarge_receive_buffer(socket->fd());
    for (const int group : groups) {
        if (setsockopt(socket->fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) !=
            0) {
            return Error{fmt::format("cannot subscribe to changes of {}", protocol.name), errno};
        }
    }
    return socket;
}

Result<NetlinkSocket> NetlinkSocket::open_dumps(NetlinkProtocol protocol) {
    auto socket = open(protocol, 0);
    if (socket && setsockopt(socket->fd(), SOL_SOCKET, SO_RCVTIMEO, &kDumpTimeout,
                             sizeof kDumpTimeout) != 0) {
        return Error{"cannot set a time limit", errno};
    }
    return socket;
}

Result<Read> NetlinkSocket::receive(const HandleMessage& handle) {
    sockaddr_nl sender{};
    iovec room{buffer_.data(), buffer_.size()};
    msghdr datagram{};
    datagram.msg_name = &sender;
    datagram.msg_namelen = sizeof sender;
    datagram.msg_iov = &room;
    datagram.msg_iovlen = 1;
    ssize_t got = 0;
    do {
        got = recvmsg(fd_.get(), &datagram, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == ENOBUFS) {
        return Read::lost;
    }
    if (got < 0 && errno == EAGAIN) {
        return Read::nothing;
    }
    if (got < 0) {
        return Error{fmt::format("cannot read from {}", protocol_.name), errno};
    }
    if (sender.nl_pid != 0) {
        return Read::messages;
    }
    if ((datagram.msg_flags & MSG_TRUNC) != 0) {
        return Read::lost;
    }
    int left = static_cast<int>(got);
    auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data());
    for (; nlmsg_ok(message, left) != 0; message = nlmsg_next(message, &left)) {
        handle(const_cast<const nlmsghdr&>(*message));
    }
    return Read::messages;
}

Result<bool> NetlinkSocket::drain(const HandleMessage& handle) {
    bool lost = false;
    for (;;) {
        const auto read = receive(handle);
        if (!read) {
            return read.error();
        }
        if (*read == Read::nothing) {
            return lost;
        }
        lost = lost || *read == Read::lost;
    }
}

Result<Dump> NetlinkSocket::dump(Bytes request, std::uint32_t sequence,
                                 const HandleMessage& handle) {
    if (send(fd_.get(), request.data, request.size, MSG_NOSIGNAL) < 0) {
        return Error{"cannot ask for a dump", errno};
    }
    Dump outcome = Dump::complete;
    bool ended = false;
    int failure = 0;
    while (!ended) {
        const auto read = receive([&](const nlmsghdr& message) {
            if (message.nlmsg_seq != sequence) {
                return;
            }
            if ((message.nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
                outcome = Dump::interrupted;
            }
            if (message.nlmsg_type == NLMSG_DONE || message.nlmsg_type == NLMSG_ERROR) {
                ended = true;
                failure = errno_in(message);
                return;
            }
            handle(message);
        });
        if (!read) {
            return read.error();
        }
        if (*read == Read::nothing) {
            return Error{"the kernel does not answer a dump", ETIMEDOUT};
        }
        if (*read == Read::lost) {
            outcome = Dump::interrupted;
        }
    }
    if (failure != 0) {
        return Error{"the kernel refused a dump", failure};
    }
    return outcome;
}

}  // namespace ks
