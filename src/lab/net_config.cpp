// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/net_config.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/net.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <libmnl/libmnl.h>

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

namespace ks::lab {
namespace {

using MnlSocket = CHandle<mnl_socket, mnl_socket_close>;

constexpr std::size_t kMessageBytes = 1024;

/// One request under construction; attributes are appended through `header()`.
class Request {
  public:
    Request(std::uint16_t type, int flags) : header_(mnl_nlmsg_put_header(buffer_.data())) {
        header_->nlmsg_type = type;
        header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    }
    template <class T>
    T* extra() {
        return static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
    }
    [[nodiscard]] nlmsghdr* header() { return header_; }

  private:
    alignas(nlmsghdr) std::array<char, kMessageBytes> buffer_{};
    nlmsghdr* header_;
};

std::uint8_t family_of(const IpAddress& address) {
    return address.family == IpFamily::v4 ? AF_INET : AF_INET6;
}

void put_address(nlmsghdr* header, std::uint16_t type, const IpAddress& address) {
    mnl_attr_put(header, type, address.size(), address.bytes.data());
}

}  // namespace

struct NetConfig::Impl {
    MnlSocket socket;
    std::uint32_t sequence = 0;

    /// Sends and waits for the verdict; the first payload before it goes to `on_reply`.
    Status talk(Request& request, const std::string& what, mnl_cb_t on_reply = nullptr,
                void* context = nullptr) {
        nlmsghdr* const header = request.header();
        header->nlmsg_seq = ++sequence;
        if (mnl_socket_sendto(socket.get(), header, header->nlmsg_len) < 0) {
            return Error{fmt::format("cannot {}", what), errno};
        }
        std::vector<char> reply(16384);
        for (;;) {
            const auto got = mnl_socket_recvfrom(socket.get(), reply.data(), reply.size());
            if (got < 0) {
                return Error{fmt::format("cannot {}: no answer from rtnetlink", what), errno};
            }
            const int verdict = mnl_cb_run(reply.data(), static_cast<std::size_t>(got), sequence,
                                           mnl_socket_get_portid(socket.get()), on_reply, context);
            if (verdict < 0) {
                return Error{fmt::format("cannot {}", what), errno};
            }
            if (verdict == MNL_CB_STOP) {
                return Done{};
            }
        }
    }

    /// RTM_GETLINK by name; `attribute` picks from its attributes.
    Status get_link(const std::string& name, mnl_cb_t pick, void* context) {
        Request request(RTM_GETLINK, 0);
        request.extra<ifinfomsg>();
        mnl_attr_put_strz(request.header(), IFLA_IFNAME, name.c_str());
        return talk(request, fmt::format("find interface {}", name), pick, context);
    }

    Status change_route(std::uint16_t type, int flags, const Route& route, std::uint32_t device) {
        Request request(type, flags);
        auto* const body = request.extra<rtmsg>();
        body->rtm_family = family_of(route.to.address);
        body->rtm_dst_len = route.to.length;
        body->rtm_table = route.table == RouteTable::main ? RT_TABLE_MAIN : RT_TABLE_LOCAL;
        body->rtm_protocol = RTPROT_STATIC;
        body->rtm_type = route.kind == RouteKind::local ? RTN_LOCAL : RTN_UNICAST;
        const bool on_link = route.kind == RouteKind::local || !route.gateway;
        body->rtm_scope = route.kind == RouteKind::local ? RT_SCOPE_HOST
                          : on_link                      ? RT_SCOPE_LINK
                                                         : RT_SCOPE_UNIVERSE;
        put_address(request.header(), RTA_DST, route.to.address);
        if (route.gateway) {
            put_address(request.header(), RTA_GATEWAY, *route.gateway);
        }
        if (route.metric != 0) {
            mnl_attr_put_u32(request.header(), RTA_PRIORITY, route.metric);
        }
        mnl_attr_put_u32(request.header(), RTA_OIF, device);
        return talk(request, fmt::format("change route {} on {}", route.to.str(), route.device));
    }

    Status change_address(std::uint16_t type, int flags, std::uint32_t device,
                          const IpAddress& address, std::uint8_t length, const std::string& what) {
        Request request(type, flags);
        auto* const body = request.extra<ifaddrmsg>();
        body->ifa_family = family_of(address);
        body->ifa_prefixlen = length;
        body->ifa_flags = IFA_F_NODAD;
        body->ifa_index = device;
        put_address(request.header(), IFA_LOCAL, address);
        put_address(request.header(), IFA_ADDRESS, address);
        return talk(request, what);
    }
};

NetConfig::NetConfig(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

NetConfig::NetConfig(NetConfig&&) noexcept = default;
NetConfig& NetConfig::operator=(NetConfig&&) noexcept = default;
NetConfig::~NetConfig() = default;

Result<NetConfig> NetConfig::open() {
    auto impl = std::make_unique<Impl>();
    impl->socket.reset(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
    if (!impl->socket || mnl_socket_bind(impl->socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
        return Error{"cannot open an rtnetlink socket", errno};
    }
    return NetConfig(std::move(impl));
}

Result<std::uint32_t> NetConfig::index(const std::string& name) {
    std::uint32_t found = 0;
    const auto pick = [](const nlmsghdr* header, void* context) -> int {
        const auto* const body = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(header));
        *static_cast<std::uint32_t*>(context) = static_cast<std::uint32_t>(body->ifi_index);
        return MNL_CB_OK;
    };
    if (auto got = impl_->get_link(name, pick, &found); !got) {
        return std::move(got).error();
    }
    return found;
}

Result<std::array<std::uint8_t, 6>> NetConfig::mac(const std::string& name) {
    std::array<std::uint8_t, 6> found{};
    const auto pick = [](const nlmsghdr* header, void* context) -> int {
        const auto on_attribute = [](const nlattr* attribute, void* out) -> int {
            if (mnl_attr_get_type(attribute) == IFLA_ADDRESS &&
                mnl_attr_get_payload_len(attribute) == 6) {
                std::memcpy(out, mnl_attr_get_payload(attribute), 6);
            }
            return MNL_CB_OK;
        };
        return mnl_attr_parse(header, sizeof(ifinfomsg), on_attribute, context);
    };
    if (auto got = impl_->get_link(name, pick, found.data()); !got) {
        return std::move(got).error();
    }
    return found;
}

Status NetConfig::add_veth(const std::string& name, const std::string& peer, int peer_netns) {
    Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    nlmsghdr* const header = request.header();
    request.extra<ifinfomsg>();
    mnl_attr_put_strz(header, IFLA_IFNAME, name.c_str());
    nlattr* const info = mnl_attr_nest_start(header, IFLA_LINKINFO);
    mnl_attr_put_strz(header, IFLA_INFO_KIND, "veth");
    nlattr* const data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
    nlattr* const other = mnl_attr_nest_start(header, VETH_INFO_PEER);
    request.extra<ifinfomsg>();
    mnl_attr_put_strz(header, IFLA_IFNAME, peer.c_str());
    mnl_attr_put_u32(header, IFLA_NET_NS_FD, static_cast<std::uint32_t>(peer_netns));
    mnl_attr_nest_end(header, other);
    mnl_attr_nest_end(header, data);
    mnl_attr_nest_end(header, info);
    return impl_->talk(request, fmt::format("add veth pair {} and {}", name, peer));
}

Status NetConfig::add_bridge(const std::string& name) {
    Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    request.extra<ifinfomsg>();
    mnl_attr_put_strz(request.header(), IFLA_IFNAME, name.c_str());
    nlattr* const info = mnl_attr_nest_start(request.header(), IFLA_LINKINFO);
    mnl_attr_put_strz(request.header(), IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(request.header(), info);
    return impl_->talk(request, fmt::format("add bridge {}", name));
}

Status NetConfig::delete_link(const std::string& name) {
    Request request(RTM_DELLINK, 0);
    request.extra<ifinfomsg>();
    mnl_attr_put_strz(request.header(), IFLA_IFNAME, name.c_str());
    return impl_->talk(request, fmt::format("delete interface {}", name));
}

Status NetConfig::enslave(const std::string& port, const std::string& bridge) {
    auto master = index(bridge);
    if (!master) {
        return std::move(master).error();
    }
    Request request(RTM_NEWLINK, 0);
    request.extra<ifinfomsg>();
    mnl_attr_put_strz(request.header(), IFLA_IFNAME, port.c_str());
    mnl_attr_put_u32(request.header(), IFLA_MASTER, *master);
    return impl_->talk(request, fmt::format("put {} into bridge {}", port, bridge));
}

Status NetConfig::set_link(const std::string& name, LinkState state) {
    Request request(RTM_NEWLINK, 0);
    auto* const body = request.extra<ifinfomsg>();
    body->ifi_change = IFF_UP;
    body->ifi_flags = state == LinkState::up ? IFF_UP : 0;
    mnl_attr_put_strz(request.header(), IFLA_IFNAME, name.c_str());
    return impl_->talk(
        request, fmt::format("set interface {} {}", name, state == LinkState::up ? "up" : "down"));
}

Status NetConfig::set_mtu(const std::string& name, std::uint32_t mtu_bytes) {
    Request request(RTM_NEWLINK, 0);
    request.extra<ifinfomsg>();
    mnl_attr_put_strz(request.header(), IFLA_IFNAME, name.c_str());
    mnl_attr_put_u32(request.header(), IFLA_MTU, mtu_bytes);
    return impl_->talk(request, fmt::format("set the MTU of {} to {}", name, mtu_bytes));
}

Status NetConfig::add_address(const std::string& name, const IpAddress& address,
                              std::uint8_t length) {
    auto device = index(name);
    if (!device) {
        return std::move(device).error();
    }
    return impl_->change_address(
        RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, *device, address, length,
        fmt::format("add address {}/{} on {}", address.str(), length, name));
}

Status NetConfig::delete_address(const std::string& name, const IpAddress& address,
                                 std::uint8_t length) {
    auto device = index(name);
    if (!device) {
        return std::move(device).error();
    }
    return impl_->change_address(
        RTM_DELADDR, 0, *device, address, length,
        fmt::format("delete address {}/{} on {}", address.str(), length, name));
}

Status NetConfig::add_route(const Route& route) {
    auto device = index(route.device);
    if (!device) {
        return std::move(device).error();
    }
    return impl_->change_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route, *device);
}

Status NetConfig::delete_route(const Route& route) {
    auto device = index(route.device);
    if (!device) {
        return std::move(device).error();
    }
    return impl_->change_route(RTM_DELROUTE, 0, route, *device);
}

Status NetConfig::add_neighbour(const std::string& name, const IpAddress& address,
                                const std::array<std::uint8_t, 6>& mac) {
    auto device = index(name);
    if (!device) {
        return std::move(device).error();
    }
    Request request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
    auto* const body = request.extra<ndmsg>();
    body->ndm_family = family_of(address);
    body->ndm_state = NUD_PERMANENT;
    body->ndm_ifindex = static_cast<int>(*device);
    put_address(request.header(), NDA_DST, address);
    mnl_attr_put(request.header(), NDA_LLADDR, mac.size(), mac.data());
    return impl_->talk(request, fmt::format("add neighbour {} on {}", address.str(), name));
}

}  // namespace ks::lab
