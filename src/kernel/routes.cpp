// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/routes.hpp"

#include "killswitchd/handle.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace ks {

namespace {

constexpr timeval kPatience{5, 0};
constexpr std::size_t kAnswerBytes = 16384;

using Message = std::unique_ptr<nl_msg, decltype(&nlmsg_free)>;

int family_number(IpFamily family) {
    return family == IpFamily::v4 ? AF_INET : AF_INET6;
}

void put_address(nl_msg& message, int attribute, const IpAddress& address) {
    nla_put(&message, attribute, static_cast<int>(address.size()), address.bytes.data());
}

Message question_message(const RouteQuestion& question) {
    Message message{nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST), &nlmsg_free};
    rtmsg header{};
    header.rtm_family = static_cast<unsigned char>(family_number(question.destination.family));
    header.rtm_dst_len = question.destination.bits();
    header.rtm_src_len = question.source ? question.source->bits() : 0;
    nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO);
    put_address(*message, RTA_DST, question.destination);
    if (question.source) {
        put_address(*message, RTA_SRC, *question.source);
    }
    if (!question.in_interface.empty()) {
        nla_put_u32(message.get(), RTA_IIF, if_nametoindex(question.in_interface.c_str()));
    }
    nla_put_u32(message.get(), RTA_MARK, question.mark);
    if (question.uid) {
        nla_put_u32(message.get(), RTA_UID, *question.uid);
    }
    if (question.destination_port != 0) {
        nla_put_u8(message.get(), RTA_IP_PROTO, question.protocol);
        nla_put_u16(message.get(), RTA_SPORT, htons(question.source_port));
        nla_put_u16(message.get(), RTA_DPORT, htons(question.destination_port));
    }
    return message;
}

std::optional<IpAddress> address_in(const nlattr* attribute, IpFamily family) {
    IpAddress address;
    address.family = family;
    if (attribute == nullptr || nla_len(attribute) != static_cast<int>(address.size())) {
        return std::nullopt;
    }
    std::memcpy(address.bytes.data(), nla_data(attribute), address.size());
    return address;
}

/// Source: Linux rt_fill_info(), rt6_fill_node().
Result<Route> route_in(const nlmsghdr& answer, IpFamily family) {
    auto* const raw = const_cast<nlmsghdr*>(&answer);  // libnl only reads.
    if (answer.nlmsg_type == NLMSG_ERROR) {
        nlmsgerr error{};
        std::memcpy(&error, nlmsg_data(&answer), sizeof error);
        return Error{"no route leads there", -error.error};
    }
    std::array<nlattr*, RTA_MAX + 1> found{};
    if (answer.nlmsg_type != RTM_NEWROUTE ||
        nlmsg_parse(raw, sizeof(rtmsg), found.data(), RTA_MAX, nullptr) < 0) {
        return Error{"the kernel's answer about a route is none", EPROTO};
    }
    rtmsg header{};
    std::memcpy(&header, nlmsg_data(&answer), sizeof header);
    std::array<char, IF_NAMESIZE> name{};
    const unsigned index = found[RTA_OIF] == nullptr ? 0 : nla_get_u32(found[RTA_OIF]);
    if (header.rtm_type == RTN_LOCAL) {
        name = {'l', 'o'};
    } else if (header.rtm_type != RTN_UNICAST && header.rtm_type != RTN_BROADCAST &&
               header.rtm_type != RTN_MULTICAST) {
        return Error{"no route leads there", EHOSTUNREACH};
    } else if (if_indextoname(index, name.data()) == nullptr) {
        return Error{"the interface of the route has gone", errno};
    }
    return Route{name.data(), address_in(found[RTA_GATEWAY], family),
                 address_in(found[RTA_PREFSRC], family)};
}

}  // namespace

Result<Route> find_route(const RouteQuestion& question) {
    const Fd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
    if (!fd) {
        return Error{"cannot open a socket for rtnetlink", errno};
    }
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    const Message message = question_message(question);
    const nlmsghdr* const header = nlmsg_hdr(message.get());
    if (::send(fd.get(), header, header->nlmsg_len, 0) < 0) {
        return Error{"cannot ask for a route", errno};
    }
    alignas(nlmsghdr) std::array<char, kAnswerBytes> buffer{};
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    const auto* const answer = reinterpret_cast<const nlmsghdr*>(buffer.data());
    if (got < 0 || nlmsg_ok(answer, static_cast<int>(got)) == 0) {
        return Error{"the kernel does not answer about a route", got < 0 ? errno : EPROTO};
    }
    return route_in(*answer, question.destination.family);
}

}  // namespace ks
