// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/packet_log.hpp"

#include "killswitchd/ruleset.hpp"
#include "log_messages.hpp"
#include "netlink_socket.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <sys/socket.h>

namespace ks {

namespace {

constexpr NetlinkProtocol kNetfilter{NETLINK_NETFILTER, "nfnetlink_log"};

using Message = std::unique_ptr<nl_msg, decltype(&nlmsg_free)>;

/// How long the kernel may collect packets, and how many. Source: linux/netfilter/nfnetlink_log.h;
/// the time is in hundredths of a second.
struct Batching {
    std::uint32_t hundredths;
    std::uint32_t packets;
};

Batching batching(PacketLog::Pace pace) {
    return pace == PacketLog::Pace::at_once ? Batching{1, 1} : Batching{100, 100};
}

Message config_message() {
    Message message{
        nlmsg_alloc_simple(NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK),
        &nlmsg_free};
    nfgenmsg header{};
    header.nfgen_family = AF_UNSPEC;
    header.res_id = htons(kLogGroup);
    nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO);
    return message;
}

void put_pace(nl_msg& message, PacketLog::Pace pace) {
    const Batching how = batching(pace);
    nla_put_u32(&message, NFULA_CFG_TIMEOUT, htonl(how.hundredths));
    nla_put_u32(&message, NFULA_CFG_QTHRESH, htonl(how.packets));
}

Message bind_message() {
    Message message = config_message();
    nfulnl_msg_config_cmd command{};
    command.command = NFULNL_CFG_CMD_BIND;
    nla_put(message.get(), NFULA_CFG_CMD, sizeof command, &command);
    nfulnl_msg_config_mode mode{};
    mode.copy_range = htonl(kLogBytes);
    mode.copy_mode = NFULNL_COPY_PACKET;
    nla_put(message.get(), NFULA_CFG_MODE, sizeof mode, &mode);
    put_pace(*message, PacketLog::Pace::lazily);
    return message;
}

bool send(const NetlinkSocket& socket, const nl_msg* message) {
    const nlmsghdr* const header = nlmsg_hdr(const_cast<nl_msg*>(message));
    return ::send(socket.fd(), header, header->nlmsg_len, MSG_NOSIGNAL) >= 0;
}

}  // namespace

struct PacketLog::Impl {
    NetlinkSocket socket;
};

PacketLog::PacketLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PacketLog::PacketLog(PacketLog&&) noexcept = default;
PacketLog& PacketLog::operator=(PacketLog&&) noexcept = default;
PacketLog::~PacketLog() = default;

Result<PacketLog> PacketLog::open() {
    auto socket = NetlinkSocket::open_events(kNetfilter, {});
    if (!socket) {
        return std::move(socket).error();
    }
    if (!send(*socket, bind_message().get())) {
        return Error{"cannot ask for refused packets", errno};
    }
    // Source: netlink carries a request out before send() returns, so the answer is there.
    std::optional<int> refused;
    auto answered = socket->drain([&](const nlmsghdr& message) {
        nlmsgerr error{};
        if (message.nlmsg_type == NLMSG_ERROR &&
            nlmsg_datalen(&message) >= static_cast<int>(sizeof error)) {
            std::memcpy(&error, nlmsg_data(&message), sizeof error);
            refused = -error.error;
        }
    });
    if (!answered) {
        return std::move(answered).error();
    }
    if (!refused || *refused != 0) {
        return Error{fmt::format("cannot listen to group {} of nfnetlink_log; another program may",
                                 kLogGroup),
                     refused.value_or(EPROTONOSUPPORT)};
    }
    return PacketLog(std::make_unique<Impl>(Impl{*std::move(socket)}));
}

int PacketLog::fd() const noexcept {
    return impl_->socket.fd();
}

void PacketLog::set_pace(Pace pace) {
    const Message message = config_message();
    put_pace(*message, pace);
    static_cast<void>(send(impl_->socket, message.get()));
}

Result<std::vector<LoggedPacket>> PacketLog::drain(std::size_t most) {
    std::vector<LoggedPacket> packets;
    auto read = impl_->socket.drain([&](const nlmsghdr& message) {
        if (packets.size() < most) {
            if (auto packet = logged_packet(message)) {
                packets.push_back(*std::move(packet));
            }
        }
    });
    return read ? Result(std::move(packets)) : std::move(read).error();
}

}  // namespace ks
