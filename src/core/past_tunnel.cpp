// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/past_tunnel.hpp"

#include "killswitchd/endpoints.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/special.hpp"
#include "killswitchd/tunnels.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// Source: linux/rtnetlink.h, RTPROT_*.
constexpr std::uint8_t kRedirect = 1;
constexpr std::uint8_t kAdvertisement = 9;
constexpr std::uint8_t kDhcp = 16;

/// Enough to see what is going on.
constexpr std::size_t kMostNamed = 5;

std::string origin_of(const LinkRoute& route) {
    static const std::map<std::uint8_t, std::string> kWords{
        {kRedirect, "an ICMP redirect"},
        {3, "a program"},
        {4, "a static configuration"},
        {kAdvertisement, "a router advertisement"},
        {kDhcp, "DHCP"},
    };
    const auto found = kWords.find(route.origin);
    return found == kWords.end() ? fmt::format("routing protocol {}", route.origin) : found->second;
}

bool set_by_network(const LinkRoute& route) {
    return route.origin == kRedirect || route.origin == kAdvertisement || route.origin == kDhcp;
}

class Judge {
  public:
    Judge(const Policy& policy, const Situation& situation)
        : inside_(situation.around.tunnel_addresses) {
        if (policy.dns_servers) {
            inside_.insert(inside_.end(), policy.dns_servers->begin(), policy.dns_servers->end());
        }
        for (const auto& [tunnel, known] : situation.endpoints) {
            for (const KnownEndpoint& one : known) {
                endpoints_.insert(one.endpoint.address);
            }
        }
    }

    [[nodiscard]] bool is_normal(const Link& link, const LinkRoute& route) const {
        const Prefix& to = route.to;
        const auto in_it = [&](const IpAddress& address) { return to.contains(address); };
        const bool own = std::ranges::any_of(link.addresses, [&](const Prefix& address) {
            return address.length != 0 && Prefix::of(address.address, address.length).contains(to);
        });
        if (own || is_multicast(to)) {
            return true;
        }
        if (std::ranges::any_of(inside_, in_it)) {
            return false;
        }
        if (std::ranges::any_of(endpoints_, in_it)) {
            return !set_by_network(route) && (to.length == to.address.bits() || is_private(to));
        }
        return is_private(to);
    }

  private:
    static bool is_multicast(const Prefix& to) {
        return to.address.family == IpFamily::v4
                   ? to.address.bytes[0] >= 224 && to.address.bytes[0] < 240
                   : to.address.bytes[0] == 0xff;
    }

    std::vector<IpAddress> inside_;  ///< Addresses that are reached through the tunnel alone.
    std::set<IpAddress> endpoints_;
};

/// Whether packets leave by the link in clear.
bool leads_outside(const Policy& policy, const Situation& situation, int index, const Link& link) {
    const bool tunnel = bears_tunnel_name(policy, link) && distrust(policy, index, link).empty();
    const bool guest = std::ranges::any_of(situation.around.guests, [&](const LinkNetwork& one) {
        return one.interface == link.name;
    });
    return index != kLoopbackIndex && !tunnel && !guest && nameable(link.name);
}

}  // namespace

std::vector<std::string> ways_past(const Policy& policy, const Situation& situation,
                                   const LinkTable& links) {
    if (situation.state != StateName::locked && situation.state != StateName::protected_) {
        return {};
    }
    const Judge judge(policy, situation);
    std::vector<std::string> programs;
    std::vector<std::string> routes;
    for (const auto& [index, link] : links) {
        if (!leads_outside(policy, situation, index, link)) {
            continue;
        }
        if (link.xdp) {
            programs.push_back(fmt::format(
                "a program of XDP is attached to {}: what it sends passes no rule", link.name));
        }
        for (const LinkRoute& route : link.routes) {
            if (!judge.is_normal(link, route)) {
                routes.push_back(fmt::format(
                    "a route to {} by {}, set by {}, leads past the tunnel: what takes it is refused",
                    route.to.str(), link.name, origin_of(route)));
            }
        }
    }
    if (routes.size() > kMostNamed) {
        const std::size_t rest = routes.size() - kMostNamed;
        routes.resize(kMostNamed);
        routes.push_back(fmt::format("{} more routes lead past the tunnel", rest));
    }
    programs.insert(programs.end(), routes.begin(), routes.end());
    return programs;
}

}  // namespace ks
