// SPDX-License-Identifier: GPL-2.0-or-later
#include "link_messages.hpp"

#include "killswitchd/net.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

namespace ks {

namespace {

template <int Max>
using Attributes = std::array<nlattr*, Max + 1>;

/// The attributes that follow a header of type Header, or nothing when the message is malformed;
/// those in `numbers` have the size of a number.
template <class Header, int Max>
std::optional<Attributes<Max>> attributes_of(const nlmsghdr& message,
                                             std::initializer_list<std::size_t> numbers = {}) {
    Attributes<Max> found{};
    std::array<nla_policy, Max + 1> sizes{};
    for (const std::size_t number : numbers) {
        sizes.at(number).type = NLA_U32;
    }
    // libnl takes a non-const pointer but only reads.
    auto* const raw = const_cast<nlmsghdr*>(&message);
    if (nlmsg_parse(raw, sizeof(Header), found.data(), Max, sizes.data()) < 0) {
        return std::nullopt;
    }
    return found;
}

template <class Header>
Header header_of(const nlmsghdr& message) {
    Header header{};
    std::memcpy(&header, nlmsg_data(&message), sizeof header);
    return header;
}

/// A string attribute; the kernel ends it with a zero byte, which is not relied on.
std::string text_of(const nlattr* attribute) {
    const std::string_view bytes(static_cast<const char*>(nla_data(attribute)),
                                 static_cast<std::size_t>(nla_len(attribute)));
    return std::string(bytes.substr(0, bytes.find('\0')));
}

/// IFLA_INFO_KIND; hardware has none.
std::string kind_of(nlattr* link_info) {
    Attributes<IFLA_INFO_MAX> found{};
    if (link_info == nullptr ||
        nla_parse_nested(found.data(), IFLA_INFO_MAX, link_info, nullptr) < 0 ||
        found[IFLA_INFO_KIND] == nullptr) {
        return {};
    }
    return text_of(found[IFLA_INFO_KIND]);
}

/// Whether a program of XDP is attached, in the driver or before it.
bool has_xdp(nlattr* xdp) {
    Attributes<IFLA_XDP_MAX> found{};
    return xdp != nullptr && nla_parse_nested(found.data(), IFLA_XDP_MAX, xdp, nullptr) >= 0 &&
           found[IFLA_XDP_ATTACHED] != nullptr && nla_len(found[IFLA_XDP_ATTACHED]) > 0 &&
           nla_get_u8(found[IFLA_XDP_ATTACHED]) != XDP_ATTACHED_NONE;
}

/// Of other kinds IFLA_LINK is the other end of a pair, or where packets go that inet judges again.
bool sends_by_lower(const std::string& kind) {
    return kind == "vlan" || kind == "macvlan" || kind == "macvtap" || kind == "ipvlan" ||
           kind == "ipvtap";
}

/// IFLA_VLAN_PROTOCOL and IFLA_VLAN_ID; only of the kind "vlan".
std::optional<VlanTag> vlan_of(nlattr* link_info) {
    Attributes<IFLA_INFO_MAX> info{};
    Attributes<IFLA_VLAN_MAX> found{};
    if (nla_parse_nested(info.data(), IFLA_INFO_MAX, link_info, nullptr) < 0 ||
        info[IFLA_INFO_DATA] == nullptr ||
        nla_parse_nested(found.data(), IFLA_VLAN_MAX, info[IFLA_INFO_DATA], nullptr) < 0) {
        return std::nullopt;
    }
    const auto number = [&](std::size_t attribute) -> std::uint16_t {
        const nlattr* const value = found.at(attribute);
        return value == nullptr || nla_len(value) != sizeof(std::uint16_t) ? std::uint16_t{0}
                                                                           : nla_get_u16(value);
    };
    return VlanTag{ntohs(number(IFLA_VLAN_PROTOCOL)), number(IFLA_VLAN_ID)};
}

std::optional<IpAddress> address_in(const nlattr* attribute, int family) {
    IpAddress address;
    address.family = family == AF_INET ? IpFamily::v4 : IpFamily::v6;
    if (attribute == nullptr || static_cast<std::size_t>(nla_len(attribute)) != address.size()) {
        return std::nullopt;
    }
    std::memcpy(address.bytes.data(), nla_data(attribute), address.size());
    return address;
}

}  // namespace

void LinkPicture::apply(const nlmsghdr& message) {
    if (message.nlmsg_type == RTM_NEWLINK || message.nlmsg_type == RTM_DELLINK) {
        apply_link(message);
    }
    if (message.nlmsg_type == RTM_NEWADDR || message.nlmsg_type == RTM_DELADDR) {
        apply_address(message);
    }
    if (message.nlmsg_type == RTM_NEWROUTE || message.nlmsg_type == RTM_DELROUTE) {
        apply_route(message);
    }
}

void LinkPicture::apply_link(const nlmsghdr& message) {
    const auto found =
        attributes_of<ifinfomsg, IFLA_MAX>(message, {IFLA_MASTER, IFLA_LINK, IFLA_GROUP});
    if (!found) {
        return;
    }
    const auto header = header_of<ifinfomsg>(message);
    // A bridge announces that a port has left it as a DELLINK of its own family.
    if (header.ifi_family != AF_UNSPEC) {
        return;
    }
    if (message.nlmsg_type == RTM_DELLINK) {
        const auto gone = links_.find(header.ifi_index);
        const bool way_out =
            gone != links_.end() && (gone->second.kind.empty() || gone->second.default_route);
        if (way_out && (*found)[IFLA_NEW_NETNSID] != nullptr) {
            moved_.push_back(gone->second.name);
        }
        links_.erase(header.ifi_index);
        addresses_.erase(header.ifi_index);
        default_routes_.erase(header.ifi_index);
        narrow_routes_.erase(header.ifi_index);
        return;
    }
    // Absent means none only in a whole message, and that has IFLA_AF_SPEC after all that is read
    // here. Wireless events have a name and little else. Source: Linux rtnl_fill_ifinfo().
    if ((*found)[IFLA_IFNAME] == nullptr || (*found)[IFLA_AF_SPEC] == nullptr) {
        return;
    }
    const auto number = [&](std::size_t attribute) {
        const nlattr* const value = (*found)[attribute];
        return value == nullptr ? 0 : static_cast<int>(nla_get_u32(value));
    };
    Link& link = links_[header.ifi_index];
    link.name = text_of((*found)[IFLA_IFNAME]);
    link.up = (header.ifi_flags & IFF_UP) != 0;
    if (!link.up) {  // They end with it, some of them without a word.
        narrow_routes_.erase(header.ifi_index);
        link.routes.clear();
    }
    link.master = number(IFLA_MASTER);
    link.kind = kind_of((*found)[IFLA_LINKINFO]);
    link.group = static_cast<std::uint32_t>(number(IFLA_GROUP));
    link.xdp = has_xdp((*found)[IFLA_XDP]);
    link.vlan = link.kind == "vlan" ? vlan_of((*found)[IFLA_LINKINFO]) : std::nullopt;
    const bool elsewhere = (*found)[IFLA_LINK_NETNSID] != nullptr;
    link.lower = !elsewhere && sends_by_lower(link.kind) ? number(IFLA_LINK) : 0;
}

void LinkPicture::apply_address(const nlmsghdr& message) {
    const auto found = attributes_of<ifaddrmsg, IFA_MAX>(message);
    if (!found) {
        return;
    }
    const auto header = header_of<ifaddrmsg>(message);
    const auto link = links_.find(static_cast<int>(header.ifa_index));
    const bool is_ip = header.ifa_family == AF_INET || header.ifa_family == AF_INET6;
    if (!is_ip || link == links_.end()) {
        return;  // The address of a link yet unknown is announced again after the link.
    }
    const auto peer = address_in((*found)[IFA_ADDRESS], header.ifa_family);
    const auto local = address_in((*found)[IFA_LOCAL], header.ifa_family);
    const auto own = local ? local : peer;
    if (!own || header.ifa_prefixlen > own->bits()) {
        return;
    }
    // Of a point-to-point address the length belongs to the peer: beside it nothing is on-link.
    const bool has_peer = peer && *peer != *own;
    const Prefix own_prefix{*own, has_peer ? own->bits() : header.ifa_prefixlen};
    const Address address{own_prefix, Prefix{peer.value_or(*own), header.ifa_prefixlen}};
    auto& known = addresses_[link->first];
    auto& listed = link->second.addresses;
    const auto place = std::ranges::lower_bound(listed, own_prefix);
    const bool is_listed = place != listed.end() && *place == own_prefix;
    if (message.nlmsg_type == RTM_NEWADDR) {
        known.insert(address);
        if (!is_listed) {
            listed.insert(place, own_prefix);
        }
        return;
    }
    known.erase(address);
    const auto another = known.lower_bound({own_prefix, Prefix()});  // With another peer.
    if (is_listed && (another == known.end() || another->first != own_prefix)) {
        listed.erase(place);
    }
}

namespace {

/// Every way out that a route has: the device, and the attribute of its router, which may be null.
template <class Each>
void for_each_hop(const Attributes<RTA_MAX>& route, Each each) {
    if (const nlattr* const link = route[RTA_OIF]; link != nullptr) {
        each(static_cast<int>(nla_get_u32(link)), route[RTA_GATEWAY]);
    }
    const nlattr* const paths = route[RTA_MULTIPATH];
    int left = paths == nullptr ? 0 : nla_len(paths);
    const auto* next = paths == nullptr ? nullptr : static_cast<const char*>(nla_data(paths));
    while (left >= static_cast<int>(sizeof(rtnexthop))) {
        rtnexthop hop{};
        std::memcpy(&hop, next, sizeof hop);
        if (hop.rtnh_len < sizeof hop || hop.rtnh_len > left) {
            return;
        }
        Attributes<RTA_MAX> of_hop{};
        // libnl takes non-const attributes but only reads.
        auto* const attributes = reinterpret_cast<nlattr*>(const_cast<char*>(next + sizeof hop));
        static_cast<void>(nla_parse(of_hop.data(), RTA_MAX, attributes,
                                    hop.rtnh_len - static_cast<int>(sizeof hop), nullptr));
        each(hop.rtnh_ifindex, of_hop[RTA_GATEWAY]);
        const int step = NLA_ALIGN(hop.rtnh_len);
        next += step;
        left -= step;
    }
}

/// Set by people, programs that set up a network, and the network; those of the kernel follow from
/// its addresses, and routing daemons have too many.
bool is_told_of(std::uint8_t origin) {
    constexpr std::array<std::uint8_t, 6> kOrigins{RTPROT_UNSPEC, RTPROT_REDIRECT, RTPROT_BOOT,
                                                   RTPROT_STATIC, RTPROT_RA,       RTPROT_DHCP};
    return std::ranges::find(kOrigins, origin) != kOrigins.end();
}

}  // namespace

void LinkPicture::apply_route(const nlmsghdr& message) {
    const auto found = attributes_of<rtmsg, RTA_MAX>(message, {RTA_OIF, RTA_TABLE, RTA_PRIORITY});
    if (!found) {
        return;
    }
    const auto header = header_of<rtmsg>(message);
    const bool is_ip = header.rtm_family == AF_INET || header.rtm_family == AF_INET6;
    if (!is_ip || header.rtm_type != RTN_UNICAST || (header.rtm_flags & RTM_F_CLONED) != 0) {
        return;
    }
    const auto number = [&](std::size_t attribute, std::uint32_t otherwise) {
        const nlattr* const value = (*found)[attribute];
        return value == nullptr ? otherwise : nla_get_u32(value);
    };
    const std::uint32_t table = number(RTA_TABLE, header.rtm_table);
    const std::uint32_t metric = number(RTA_PRIORITY, 0);
    if (header.rtm_dst_len == 0) {
        return for_each_hop(*found, [&](int link, const nlattr* router) {
            note_default(
                link,
                {header.rtm_family, table, metric,
                 header.rtm_family == AF_INET6 ? address_in(router, AF_INET6) : std::nullopt},
                message);
        });
    }
    const auto to = address_in((*found)[RTA_DST], header.rtm_family);
    if (!to || header.rtm_dst_len > to->bits() || !is_told_of(header.rtm_protocol)) {
        return;
    }
    for_each_hop(*found, [&](int link, const nlattr*) {
        note_narrow(link, {{Prefix{*to, header.rtm_dst_len}, header.rtm_protocol}, table, metric},
                    message);
    });
}

void LinkPicture::note_narrow(int link, const NarrowRoute& route, const nlmsghdr& message) {
    constexpr std::size_t kMostKept = 1024;
    if ((message.nlmsg_flags & NLM_F_REPLACE) != 0) {  // The end of the old one is not announced.
        for (auto& [other, routes] : narrow_routes_) {
            const std::size_t gone = std::erase_if(routes, [&](const NarrowRoute& old) {
                return old.route.to == route.route.to && old.table == route.table &&
                       old.metric == route.metric;
            });
            if (gone != 0) {
                publish_narrow(other);
            }
        }
    }
    if (!links_.contains(link)) {
        return;
    }
    auto& routes = narrow_routes_[link];
    if (message.nlmsg_type == RTM_DELROUTE) {
        routes.erase(route);
    } else if (routes.size() < kMostKept) {
        routes.insert(route);
    }
    publish_narrow(link);
}

void LinkPicture::publish_narrow(int link) {
    const auto known = links_.find(link);
    if (known == links_.end()) {
        return;
    }
    std::vector<LinkRoute>& shown = known->second.routes;
    shown.clear();
    for (const NarrowRoute& each : narrow_routes_[link]) {
        if (shown.size() < kMostRoutes && (shown.empty() || shown.back() != each.route)) {
            shown.push_back(each.route);
        }
    }
}

void LinkPicture::note_default(int link, const Route& route, const nlmsghdr& message) {
    const auto known = links_.find(link);
    if (known == links_.end()) {
        return;
    }
    auto& routes = default_routes_[link];
    if ((message.nlmsg_flags & NLM_F_REPLACE) != 0) {  // The end of the old one is not announced.
        std::erase_if(routes, [&](const Route& old) {
            return old.family == route.family && old.table == route.table &&
                   old.metric == route.metric;
        });
    }
    if (message.nlmsg_type == RTM_NEWROUTE) {
        routes.insert(route);
    } else {
        routes.erase(route);
    }
    known->second.default_route = !routes.empty();
    std::set<IpAddress> routers;
    for (const Route& each : routes) {
        if (each.router) {
            routers.insert(*each.router);
        }
    }
    known->second.routers6.assign(routers.begin(), routers.end());
}

}  // namespace ks
