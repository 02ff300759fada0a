// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/sockets.hpp"

#include "netlink_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <netlink/msg.h>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace ks {

namespace {

constexpr NetlinkProtocol kSockDiag{NETLINK_SOCK_DIAG, "sock_diag"};
constexpr std::uint32_t kSequence = 1;

/// ::ffff:a.b.c.d in the form of the kernel. Source: RFC 4291, section 2.5.5.2.
bool is_mapped(const std::array<std::uint8_t, 16>& bytes) {
    constexpr std::array<std::uint8_t, 12> kPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::equal(kPrefix.begin(), kPrefix.end(), bytes.begin());
}

IpAddress address_from(const void* words, std::uint8_t family) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), words, bytes.size());
    IpAddress address{IpFamily::v6, {}};
    if (family == AF_INET || is_mapped(bytes)) {
        address.family = IpFamily::v4;
        std::memcpy(address.bytes.data(), bytes.data() + (family == AF_INET ? 0 : 12), 4);
    } else {
        std::memcpy(address.bytes.data(), bytes.data(), bytes.size());
    }
    return address;
}

std::optional<OpenSocket> socket_in(const nlmsghdr& message) {
    inet_diag_msg told{};
    if (message.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        nlmsg_datalen(&message) < static_cast<int>(sizeof told)) {
        return std::nullopt;
    }
    std::memcpy(&told, nlmsg_data(&message), sizeof told);
    OpenSocket socket;
    socket.local = address_from(told.id.idiag_src, told.idiag_family);
    socket.remote = address_from(told.id.idiag_dst, told.idiag_family);
    socket.local_port = ntohs(told.id.idiag_sport);
    socket.remote_port = ntohs(told.id.idiag_dport);
    socket.established = told.idiag_state == TCP_ESTABLISHED;
    socket.uid = told.idiag_uid;
    socket.inode = told.idiag_inode;
    return socket;
}

Result<Dump> dump(std::uint8_t protocol, int family, std::vector<OpenSocket>& sockets) {
    auto socket = NetlinkSocket::open_dumps(kSockDiag);
    if (!socket) {
        return std::move(socket).error();
    }
    inet_diag_req_v2 wanted{};
    wanted.sdiag_family = static_cast<std::uint8_t>(family);
    wanted.sdiag_protocol = protocol;
    wanted.idiag_states = ~0U;
    return socket->dump(SOCK_DIAG_BY_FAMILY, kSequence, wanted, [&](const nlmsghdr& message) {
        if (auto one = socket_in(message)) {
            sockets.push_back(*std::move(one));
        }
    });
}

}  // namespace

Result<std::vector<OpenSocket>> open_sockets(std::uint8_t protocol, IpFamily family) {
    std::vector<OpenSocket> sockets;
    for (const int number : {AF_INET, AF_INET6}) {
        if (number == AF_INET && family == IpFamily::v6) {
            continue;
        }
        // A dump that others disturbed still names every socket that stood throughout.
        if (const auto done = dump(protocol, number, sockets); !done) {
            return Error(done.error()).within("listing sockets");
        }
    }
    std::erase_if(sockets, [&](const OpenSocket& one) {
        const bool any = one.local == IpAddress{IpFamily::v6, {}};
        return one.local.family != family && !(any && family == IpFamily::v4);
    });
    return sockets;
}

}  // namespace ks
