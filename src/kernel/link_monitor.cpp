// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/link_monitor.hpp"

#include "killswitchd/handle.hpp"
#include "link_messages.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fmt/format.h>
#include <netlink/msg.h>

#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace ks {

namespace {

constexpr int kReceiveBufferBytes = 8 * 1024 * 1024;
/// Larger than any message the kernel builds; one that is cut all the same counts as lost.
constexpr std::size_t kMessageBytes = 128UL * 1024;
constexpr int kDumpAttempts = 50;
constexpr timeval kDumpTimeout{5, 0};

enum class Read { messages, nothing, lost };

/// A socket bound to rtnetlink, and the room for one datagram.
class RouteSocket {
  public:
    [[nodiscard]] static Result<RouteSocket> open(int type_flags);
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// Next datagram, each message of it to `handle(const nlmsghdr&)`. Only the kernel is heard.
    template <class Handle>
    [[nodiscard]] Result<Read> receive(Handle&& handle);

  private:
    explicit RouteSocket(Fd fd) : fd_(std::move(fd)), buffer_(kMessageBytes) {}
    Fd fd_;
    std::vector<char> buffer_;  ///< From operator new, so aligned for nlmsghdr.
};

Result<RouteSocket> RouteSocket::open(int type_flags) {
    Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | type_flags, NETLINK_ROUTE));
    if (!fd) {
        return Error{"cannot open an rtnetlink socket", errno};
    }
    sockaddr_nl own{};
    own.nl_family = AF_NETLINK;
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
        return Error{"cannot bind an rtnetlink socket", errno};
    }
    return RouteSocket(std::move(fd));
}

template <class Handle>
Result<Read> RouteSocket::receive(Handle&& handle) {
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
        return Error{"cannot read from rtnetlink", errno};
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

template <class Header>
Status request_dump(int fd, std::uint16_t type, std::uint32_t sequence) {
    struct {
        nlmsghdr message;
        Header header;
    } request{};
    request.message.nlmsg_len = sizeof request;
    request.message.nlmsg_type = type;
    request.message.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.message.nlmsg_seq = sequence;
    if (send(fd, &request, sizeof request, MSG_NOSIGNAL) < 0) {
        return Error{"cannot ask for a dump", errno};
    }
    return Done{};
}

/// Source: NLMSG_DONE and NLMSG_ERROR both begin with a negative errno or 0.
int errno_in(const nlmsghdr& message) {
    int code = 0;
    if (nlmsg_datalen(&message) >= static_cast<int>(sizeof code)) {
        std::memcpy(&code, nlmsg_data(&message), sizeof code);
    }
    return -code;
}

enum class Dump { complete, interrupted };

Result<Dump> read_dump(RouteSocket& socket, std::uint32_t sequence, LinkPicture& picture) {
    Dump outcome = Dump::complete;
    bool ended = false;
    int failure = 0;
    while (!ended) {
        const auto read = socket.receive([&](const nlmsghdr& message) {
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
            picture.apply(message);
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

template <class Header>
Result<Dump> dump_part(RouteSocket& socket, std::uint16_t type, std::uint32_t sequence,
                       LinkPicture& picture, const char* what) {
    if (auto sent = request_dump<Header>(socket.fd(), type, sequence); !sent) {
        return std::move(sent).error().within(what);
    }
    auto read = read_dump(socket, sequence, picture);
    return read ? read : Result<Dump>(std::move(read).error().within(what));
}

/// One attempt, on a socket of its own: what an abandoned dump leaves behind goes with it.
Result<Dump> dump_once(LinkPicture& picture) {
    auto socket = RouteSocket::open(0);
    if (!socket) {
        return std::move(socket).error();
    }
    if (setsockopt(socket->fd(), SOL_SOCKET, SO_RCVTIMEO, &kDumpTimeout, sizeof kDumpTimeout) !=
        0) {
        return Error{"cannot set a time limit", errno};
    }
    auto outcome = dump_part<ifinfomsg>(*socket, RTM_GETLINK, 1, picture, "link dump");
    if (outcome && *outcome == Dump::complete) {
        outcome = dump_part<ifaddrmsg>(*socket, RTM_GETADDR, 2, picture, "address dump");
    }
    if (outcome && *outcome == Dump::complete) {
        outcome = dump_part<rtmsg>(*socket, RTM_GETROUTE, 3, picture, "route dump");
    }
    return outcome;
}

Result<LinkPicture> dump() {
    for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
        LinkPicture picture;
        const auto outcome = dump_once(picture);
        if (!outcome) {
            return outcome.error();
        }
        if (*outcome == Dump::complete) {
            return picture;
        }
    }
    return Error{"link dump kept being interrupted"};
}

Status subscribe(int fd) {
    for (const int group : {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                            RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE}) {
        if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
            return Error{"cannot subscribe to link changes", errno};
        }
    }
    return Done{};
}

/// A smaller buffer only means more dumps, so failure is no error. Forcing needs CAP_NET_ADMIN.
void enlarge_receive_buffer(int fd) {
    const int wanted = kReceiveBufferBytes;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
    }
}

}  // namespace

struct LinkMonitor::Impl {
    RouteSocket events;  ///< Multicast only; dumps use their own socket so the two never mix.
    LinkPicture picture;
    std::uint64_t overruns = 0;
};

LinkMonitor::LinkMonitor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LinkMonitor::LinkMonitor(LinkMonitor&&) noexcept = default;
LinkMonitor& LinkMonitor::operator=(LinkMonitor&&) noexcept = default;
LinkMonitor::~LinkMonitor() = default;

Result<LinkMonitor> LinkMonitor::open() {
    auto events = RouteSocket::open(SOCK_NONBLOCK);
    if (!events) {
        return std::move(events).error();
    }
    enlarge_receive_buffer(events->fd());
    if (auto subscribed = subscribe(events->fd()); !subscribed) {
        return std::move(subscribed).error();
    }
    auto picture = dump();
    if (!picture) {
        return std::move(picture).error().within("reading the links");
    }
    return LinkMonitor(std::unique_ptr<Impl>(new Impl{*std::move(events), *std::move(picture), 0}));
}

int LinkMonitor::fd() const noexcept {
    return impl_->events.fd();
}

const LinkTable& LinkMonitor::links() const noexcept {
    return impl_->picture.links();
}

std::uint64_t LinkMonitor::overruns() const noexcept {
    return impl_->overruns;
}

Result<bool> LinkMonitor::drain() {
    const LinkTable before = links();
    bool lost = false;
    for (;;) {
        const auto read = impl_->events.receive(
            [this](const nlmsghdr& message) { impl_->picture.apply(message); });
        if (!read) {
            return read.error();
        }
        if (*read == Read::nothing) {
            break;
        }
        lost = lost || *read == Read::lost;
    }
    if (lost) {  // Order: only on an empty queue; an older message applied later would undo the
                 // dump.
        ++impl_->overruns;
        auto picture = dump();
        if (!picture) {
            return std::move(picture).error().within("recovering from netlink overrun");
        }
        impl_->picture = *std::move(picture);
    }
    return links() != before;
}

Result<LinkTable> read_links() {
    auto picture = dump();
    if (!picture) {
        return std::move(picture).error().within("reading the links");
    }
    return picture->links();
}

}  // namespace ks
