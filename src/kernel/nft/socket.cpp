// SPDX-License-Identifier: GPL-2.0-or-later
#include "socket.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

namespace ks {

namespace {

constexpr int kBufferBytes = 16 * 1024 * 1024;
constexpr std::size_t kReceiveBytes = 256UL * 1024;
constexpr int kTimeoutMs = 2000;

/// Forced where we may, else as large as the system allows.
void enlarge(int fd, int forced, int plain) {
    if (::setsockopt(fd, SOL_SOCKET, forced, &kBufferBytes, sizeof(kBufferBytes)) != 0) {
        ::setsockopt(fd, SOL_SOCKET, plain, &kBufferBytes, sizeof(kBufferBytes));
    }
}

void prepare(mnl_socket* socket) {
    enlarge(mnl_socket_get_fd(socket), SO_SNDBUFFORCE, SO_SNDBUF);
    enlarge(mnl_socket_get_fd(socket), SO_RCVBUFFORCE, SO_RCVBUF);
    int one = 1;  // Errors must not echo a whole batch. Both are absent on old kernels only.
    mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, &one, sizeof(one));
    mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &one, sizeof(one));
}

}  // namespace

Result<NftSocket> NftSocket::open() {
    MnlSocket socket{mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)};
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
        return Error{"cannot open a netfilter netlink socket", errno};
    }
    return NftSocket(std::move(socket));
}

Result<NftSocket> NftSocket::adopt(Fd held) {
    int protocol = -1;
    socklen_t size = sizeof(protocol);
    if (::getsockopt(held.get(), SOL_SOCKET, SO_PROTOCOL, &protocol, &size) != 0 ||
        protocol != NETLINK_NETFILTER) {
        return Error{"the inherited descriptor is not a netfilter netlink socket", EINVAL};
    }
    auto made = open();
    if (!made) {
        return made;
    }
    made->held_ = MnlSocket{mnl_socket_fdopen(held.get())};
    if (!made->held_) {
        return Error{"cannot use the inherited netlink socket", errno};
    }
    static_cast<void>(held.release());
    prepare(made->held_.get());
    // Numbers that no answer to a predecessor's transaction carries.
    made->seq_ = static_cast<std::uint32_t>(std::random_device{}());
    static_cast<void>(made->drain(made->held_.get(), [](const nlmsghdr*) {}));
    return made;
}

NftSocket::NftSocket(MnlSocket socket) : socket_(std::move(socket)), buffer_(kReceiveBytes) {
    prepare(socket_.get());
}

Result<std::size_t> NftSocket::receive(mnl_socket* from, int flags) {
    for (;;) {
        sockaddr_nl sender{};
        iovec iov{buffer_.data(), buffer_.size()};
        msghdr message{};
        message.msg_name = &sender;
        message.msg_namelen = sizeof(sender);
        message.msg_iov = &iov;
        message.msg_iovlen = 1;
        const ssize_t got = ::recvmsg(mnl_socket_get_fd(from), &message, flags);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return Error{"cannot read from netlink", errno};
        }
        if ((message.msg_flags & MSG_TRUNC) != 0) {
            return Error{"netlink message larger than the buffer", EMSGSIZE};
        }
        if (sender.nl_pid != 0) {
            continue;  // Only the kernel is believed.
        }
        return static_cast<std::size_t>(got);
    }
}

Status NftSocket::ask(const nlmsghdr* request, const Each& each) {
    if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0) {
        return Error{"cannot send to netlink", errno};
    }
    for (;;) {
        const auto got = receive(socket_.get(), MSG_DONTWAIT);  // Answered before sendto() returns.
        if (!got && got.error().sys_errno == EAGAIN) {
            pollfd waiting{fd(), POLLIN, 0};
            if (::poll(&waiting, 1, kTimeoutMs) == 0) {
                return Error{"the kernel does not answer", ETIMEDOUT};
            }
            continue;
        }
        if (!got) {
            return got.error();
        }
        const int rc = mnl_cb_run(
            buffer_.data(), *got, request->nlmsg_seq, mnl_socket_get_portid(socket_.get()),
            [](const nlmsghdr* message, void* data) {
                (*static_cast<const Each*>(data))(message);
                return MNL_CB_OK;
            },
            const_cast<Each*>(&each));
        if (rc < 0) {
            const int failure = errno;
            if (failure == ESRCH || failure == EPROTO) {
                continue;  // An answer to an earlier question that timed out.
            }
            return Error{"the kernel refused a question", failure};
        }
        if (rc == MNL_CB_STOP) {
            return Done{};
        }
    }
}

Status NftSocket::send(mnl_socket* by, const std::vector<char>& bytes, const Each& each) {
    if (mnl_socket_sendto(by, bytes.data(), bytes.size()) < 0) {
        return Error{"cannot send to netlink", errno};
    }
    return drain(by, each);
}

Status NftSocket::transact(const std::vector<char>& bytes, const Each& each) {
    return send(owner(), bytes, each);
}

Status NftSocket::rehearse(const std::vector<char>& bytes, const Each& each) {
    return send(socket_.get(), bytes, each);
}

Status NftSocket::drain(mnl_socket* from, const Each& each) {
    bool lost = false;
    for (;;) {
        const auto got = receive(from, MSG_DONTWAIT);
        if (!got) {
            const int failure = got.error().sys_errno;
            if (failure == EAGAIN) {
                break;
            }
            if (failure == ENOBUFS) {
                lost = true;
                continue;
            }
            return got.error();
        }
        int left = static_cast<int>(*got);
        const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
        while (mnl_nlmsg_ok(message, left)) {
            each(message);
            message = mnl_nlmsg_next(message, &left);
        }
    }
    if (lost) {
        return Error{"netlink messages were lost", ENOBUFS};
    }
    return Done{};
}

Status NftSocket::join(int group) {
    if (mnl_socket_setsockopt(socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
        return Error{"cannot join a netfilter netlink group", errno};
    }
    return Done{};
}

void for_each_attribute(const nlmsghdr* message, const std::function<void(const nlattr*)>& each) {
    mnl_attr_parse(
        message, sizeof(nfgenmsg),
        [](const nlattr* attr, void* data) {
            (*static_cast<const std::function<void(const nlattr*)>*>(data))(attr);
            return MNL_CB_OK;
        },
        const_cast<std::function<void(const nlattr*)>*>(&each));
}

}  // namespace ks
