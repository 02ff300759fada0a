// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::lab {
namespace {

Prefix net(std::string_view text) {
    return *Prefix::parse(text);
}

/// Runs steps until the first that fails, so that long set-ups read as a list.
Status in_order(const std::vector<std::function<Status()>>& steps) {
    for (const auto& step : steps) {
        if (auto done = step(); !done) {
            return done;
        }
    }
    return Done{};
}

/// A point-to-point link between two nodes inside the lab.
struct Wire {
    Node& left;
    Node& right;
    std::string left_device;
    std::string right_device;
    int number;  ///< 172.31.N.0/24 and fd31:N::/64; .1 left, .2 right.

    [[nodiscard]] IpAddress left4() const { return ip(fmt::format("172.31.{}.1", number)); }
    [[nodiscard]] IpAddress right4() const { return ip(fmt::format("172.31.{}.2", number)); }
    [[nodiscard]] IpAddress left6() const { return ip(fmt::format("fd31:{}::1", number)); }
    [[nodiscard]] IpAddress right6() const { return ip(fmt::format("fd31:{}::2", number)); }

    [[nodiscard]] Status build() {
        return in_order(
            {[&] { return left.net().add_veth(left_device, right_device, right.netns()); },
             [&] { return left.net().add_address(left_device, left4(), 24); },
             [&] { return left.net().add_address(left_device, left6(), 64); },
             [&] { return right.net().add_address(right_device, right4(), 24); },
             [&] { return right.net().add_address(right_device, right6(), 64); },
             [&] { return left.net().set_link(left_device, LinkState::up); },
             [&] { return right.net().set_link(right_device, LinkState::up); }});
    }
    [[nodiscard]] Status route_left(const Prefix& to) {
        const bool v4 = to.address.family == IpFamily::v4;
        return left.net().add_route(
            {.to = to, .device = left_device, .gateway = v4 ? right4() : right6()});
    }
    /// \param table  the AnyIP node needs its IPv4 return routes beside the catch-all.
    [[nodiscard]] Status route_right(const Prefix& to, RouteTable table = RouteTable::main,
                                     std::uint32_t metric = 0) {
        const bool v4 = to.address.family == IpFamily::v4;
        return right.net().add_route({.to = to,
                                      .device = right_device,
                                      .gateway = v4 ? left4() : left6(),
                                      .metric = metric,
                                      .table = v4 ? table : RouteTable::main});
    }
};

/// Behind the host or on its uplinks: reached through the provider.
const std::vector<Prefix>& customer_nets() {
    static const std::vector<Prefix> nets{net("192.168.77.0/24"),  net("192.168.78.0/24"),
                                          net("10.77.0.0/24"),     net("fd77::/64"),
                                          net("fd78::/64"),        net("2001:db8:77::/64"),
                                          net("2001:db8:78::/64"), net("2001:db8:aa::/64")};
    return nets;
}

const std::vector<Prefix>& tunnel_nets() {
    static const std::vector<Prefix> nets{net("10.99.0.0/24"), net("fd99::/64")};
    return nets;
}

Status prepare(Node& node) {
    std::vector<std::function<Status()>> steps;
    steps.push_back([&] { return node.net().set_link("lo", LinkState::up); });
    // Inherited from the machine's first namespace, so none of them can be taken for granted.
    for (const char* const off :
         {"net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter",
          "net/ipv4/conf/all/send_redirects", "net/ipv4/conf/default/send_redirects",
          "net/ipv6/conf/all/disable_ipv6", "net/ipv6/conf/default/disable_ipv6",
          "net/ipv6/conf/all/accept_dad", "net/ipv6/conf/default/accept_dad",
          "net/ipv6/conf/default/accept_ra", "net/ipv6/conf/default/router_solicitations",
          "net/ipv4/icmp_ratelimit"}) {
        steps.push_back([&, off] { return node.sysctl(off, "0"); });
    }
    for (const char* const on :
         {"net/ipv4/ip_forward", "net/ipv6/conf/all/keep_addr_on_down",
          "net/ipv6/conf/all/forwarding", "net/ipv6/conf/default/forwarding"}) {
        steps.push_back([&, on] { return node.sysctl(on, "1"); });
    }
    return in_order(steps);
}

Status wire_internet(Wire& provider_side, Wire& vpn_side) {
    Node& internet = provider_side.right;
    std::vector<std::function<Status()>> steps;
    // Order: the connected and the return routes first; the catch-all would swallow gateways.
    for (const auto& [wire, subnet] :
         {std::pair{&provider_side, "172.31.1.0/24"}, std::pair{&vpn_side, "172.31.2.0/24"}}) {
        steps.push_back([&, wire = wire, subnet = subnet] {
            return internet.net().add_route(
                {.to = net(subnet), .device = wire->right_device, .table = RouteTable::local});
        });
    }
    for (const Prefix& customer : customer_nets()) {
        steps.push_back(
            [&, customer] { return provider_side.route_right(customer, RouteTable::local, 100); });
    }
    for (const Prefix& inner : tunnel_nets()) {
        steps.push_back([&, inner] { return vpn_side.route_right(inner, RouteTable::local, 100); });
    }
    // AnyIP. IPv4 must be in the local table (ICMP answers check it), IPv6 must not be.
    steps.push_back([&] {
        return internet.net().add_route({.to = net("0.0.0.0/0"),
                                         .device = "lo",
                                         .kind = RouteKind::local,
                                         .table = RouteTable::local});
    });
    steps.push_back([&] {
        return internet.net().add_route(
            {.to = net("::/0"), .device = "lo", .kind = RouteKind::local});
    });
    return in_order(steps);
}

Status wire_vpn(Wire& provider_side, Wire& internet_side, const LabOptions& options) {
    std::vector<std::function<Status()>> steps;
    for (const Prefix& customer : customer_nets()) {
        steps.push_back(
            [&, customer] { return provider_side.route_right(customer, RouteTable::main, 100); });
    }
    for (const char* const everything : {"0.0.0.0/0", "::/0"}) {
        steps.push_back([&, everything] { return internet_side.route_left(net(everything)); });
    }
    for (const Endpoint& endpoint : options.endpoints) {
        const IpAddress at = endpoint.address;
        steps.push_back(
            [&, at] { return provider_side.right.net().add_address("lo", at, at.bits()); });
        steps.push_back([&, at] { return provider_side.route_left(Prefix::of(at, at.bits())); });
    }
    return in_order(steps);
}

Status wire_uplink(Nodes& nodes, const LabOptions& options, std::size_t number) {
    const std::string device = provider_end(number);
    NetConfig& provider = nodes.provider.net();
    return in_order(
        {[&] {
             return nodes.host.net().add_veth(options.uplinks.at(number), device,
                                              nodes.provider.netns());
         },
         [&] { return provider.add_address(device, ip(addr::kRouter.at(number)), 24); },
         [&] { return provider.add_address(device, ip(addr::kRouter6.at(number)), 64); },
         [&] { return provider.add_address(device, ip(fmt::format("fd7{}::1", 7 + number)), 64); },
         [&] { return provider.set_link(device, LinkState::up); }});
}

Status wire_guest(Nodes& nodes) {
    NetConfig& host = nodes.host.net();
    NetConfig& guest = nodes.guest.net();
    return in_order(
        {[&] { return host.add_bridge("br0"); },
         [&] { return host.add_veth("tap0", "eth0", nodes.guest.netns()); },
         [&] { return host.enslave("tap0", "br0"); },
         [&] { return host.add_address("br0", ip("10.77.0.1"), 24); },
         [&] { return host.add_address("br0", ip("2001:db8:aa::1"), 64); },
         [&] { return guest.add_address("eth0", ip(addr::kGuest), 24); },
         [&] { return guest.add_address("eth0", ip(addr::kGuest6), 64); },
         [&] { return host.set_link("tap0", LinkState::up); },
         [&] { return host.set_link("br0", LinkState::up); },
         [&] { return guest.set_link("eth0", LinkState::up); },
         [&] {
             return guest.add_route(
                 {.to = net("0.0.0.0/0"), .device = "eth0", .gateway = ip("10.77.0.1")});
         },
         [&] {
             return guest.add_route(
                 {.to = net("::/0"), .device = "eth0", .gateway = ip("2001:db8:aa::1")});
         }});
}

/// The guests' network is routed by the host's first uplink.
Status route_to_guest(Nodes& nodes) {
    return in_order({[&] {
                         return nodes.provider.net().add_route({.to = net("10.77.0.0/24"),
                                                                .device = provider_end(0),
                                                                .gateway = ip(addr::kHost[0])});
                     },
                     [&] {
                         return nodes.provider.net().add_route({.to = net("2001:db8:aa::/64"),
                                                                .device = provider_end(0),
                                                                .gateway = ip(addr::kHost6[0])});
                     }});
}

/// One side of a link, with the addresses that the other side talks to.
struct Side {
    NetConfig& net;
    std::string device;
    std::vector<IpAddress> addresses;
};

/// Permanent neighbours: a packet is sent or refused at once, never queued for resolution.
Status introduce(const Side& known, const Side& to) {
    auto mac = known.net.mac(known.device);
    if (!mac) {
        return std::move(mac).error();
    }
    for (const IpAddress& address : known.addresses) {
        if (auto added = to.net.add_neighbour(to.device, address, *mac); !added) {
            return added;
        }
    }
    return Done{};
}

Status introduce_both(const Side& one, const Side& other) {
    auto done = introduce(one, other);
    return done ? introduce(other, one) : done;
}

Status introduce_uplink(Nodes& nodes, const LabOptions& options, std::size_t number) {
    return introduce_both({nodes.host.net(),
                           options.uplinks.at(number),
                           {ip(addr::kHost.at(number)), ip(addr::kHost6.at(number))}},
                          {nodes.provider.net(),
                           provider_end(number),
                           {ip(addr::kRouter.at(number)), ip(addr::kRouter6.at(number))}});
}

}  // namespace

const char* provider_end(std::size_t uplink) {
    return uplink == 0 ? "wan0" : "wan1";
}

Status check_endpoints(const std::vector<Endpoint>& endpoints) {
    std::vector<Prefix> taken = customer_nets();
    taken.insert(taken.end(), tunnel_nets().begin(), tunnel_nets().end());
    for (const char* const more :
         {"172.31.0.0/16", "fd31::/16", "127.0.0.0/8", "::1", "fe80::/10"}) {
        taken.push_back(net(more));
    }
    for (const Endpoint& endpoint : endpoints) {
        for (const Prefix& prefix : taken) {
            if (prefix.contains(endpoint.address)) {
                return Error{fmt::format("the lab cannot stand in for endpoint {}: it uses {} "
                                         "itself",
                                         endpoint.str(), prefix.str()),
                             EINVAL};
            }
        }
    }
    return Done{};
}

Status configure_host_uplink(Nodes& nodes, const LabOptions& options, std::size_t number) {
    const std::string& device = options.uplinks.at(number);
    const auto metric = static_cast<std::uint32_t>(100 * (number + 1));
    NetConfig& host = nodes.host.net();
    const auto default_route = [&](const char* to, const char* gateway) {
        return host.add_route(
            {.to = net(to), .device = device, .gateway = ip(gateway), .metric = metric});
    };
    return in_order(
        {[&] { return host.set_link(device, LinkState::up); },
         [&] { return host.add_address(device, ip(addr::kHost.at(number)), 24); },
         [&] { return host.add_address(device, ip(addr::kHost6.at(number)), 64); },
         [&] { return host.add_address(device, ip(fmt::format("fd7{}::2", 7 + number)), 64); },
         [&] { return introduce_uplink(nodes, options, number); },
         [&] { return default_route("0.0.0.0/0", addr::kRouter.at(number)); },
         [&] { return default_route("::/0", addr::kRouter6.at(number)); }});
}

Status plug_cable(Nodes& nodes, const LabOptions& options, std::size_t number) {
    return in_order({
        [&] { return nodes.provider.net().set_link(provider_end(number), LinkState::up); },
        [&] { return introduce_uplink(nodes, options, number); },
        [&] { return number == 0 ? route_to_guest(nodes) : Status(Done{}); },
    });
}

Status route_guest_back(Nodes& nodes, GuestReturn way, const std::string& device) {
    constexpr std::uint32_t kPreferred = 50;  // Below the metric of the routes over the provider.
    const Route inside4{.to = net("10.77.0.0/24"), .device = device, .metric = kPreferred};
    const Route inside6{.to = net("2001:db8:aa::/64"), .device = device, .metric = kPreferred};
    const Route back4{.to = inside4.to,
                      .device = "vpn",
                      .gateway = ip("172.31.2.1"),
                      .metric = kPreferred,
                      .table = RouteTable::local};
    const Route back6{
        .to = inside6.to, .device = "vpn", .gateway = ip("fd31:2::1"), .metric = kPreferred};
    NetConfig& internet = nodes.internet.net();
    NetConfig& vpn = nodes.vpn.net();
    if (way == GuestReturn::vpn) {
        return in_order(
            {[&] { return vpn.add_route(inside4); }, [&] { return vpn.add_route(inside6); },
             [&] { return internet.add_route(back4); }, [&] { return internet.add_route(back6); }});
    }
    // The routes into the tunnel device go with it.
    return in_order({[&] { return internet.delete_route(back4); },
                     [&] { return internet.delete_route(back6); }});
}

Status wire(Nodes& nodes, const LabOptions& options) {
    Wire uplink{nodes.provider, nodes.internet, "inet", "prov", 1};
    Wire exit{nodes.vpn, nodes.internet, "inet", "vpn", 2};
    Wire server{nodes.provider, nodes.vpn, "vpn", "prov", 3};
    std::vector<std::function<Status()>> steps;
    for (Node* const node :
         {&nodes.host, &nodes.provider, &nodes.vpn, &nodes.internet, &nodes.guest}) {
        steps.push_back([node] { return prepare(*node); });
    }
    const std::vector<std::function<Status()>> links{
        [&] { return uplink.build(); },
        [&] { return exit.build(); },
        [&] { return server.build(); },
        [&] { return wire_uplink(nodes, options, 0); },
        [&] { return wire_uplink(nodes, options, 1); },
        [&] { return wire_guest(nodes); },
        [&] {
            return introduce_both(
                {nodes.host.net(), "br0", {ip("10.77.0.1"), ip("2001:db8:aa::1")}},
                {nodes.guest.net(), "eth0", {ip(addr::kGuest), ip(addr::kGuest6)}});
        },
        [&] { return wire_internet(uplink, exit); },
        [&] { return uplink.route_left(net("0.0.0.0/0")); },
        [&] { return uplink.route_left(net("::/0")); },
        [&] { return wire_vpn(server, exit, options); },
        [&] { return route_to_guest(nodes); },
    };
    steps.insert(steps.end(), links.begin(), links.end());
    return in_order(steps);
}

}  // namespace ks::lab
