// SPDX-License-Identifier: GPL-2.0-or-later
#include "expectation.hpp"

#include "killswitchd/lab/frame.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <vector>

namespace ks::drills {

namespace {

std::vector<Prefix> parsed(std::initializer_list<const char*> texts) {
    std::vector<Prefix> prefixes;
    for (const char* const text : texts) {
        prefixes.push_back(*Prefix::parse(text));
    }
    return prefixes;
}

/// What the policy calls local, on the links of the lab.
std::vector<Prefix> networks(const Lan& lan) {
    switch (lan.networks) {
    case Lan::Networks::private_:
        return parsed({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
                       "fc00::/7", "fe80::/10"});
    case Lan::Networks::listed:
        return lan.list;
    case Lan::Networks::on_link:
        break;
    }
    return parsed({"192.168.77.0/24", "192.168.78.0/24", "fd77::/64", "fd78::/64", "fe80::/10"});
}

std::vector<Prefix> local_space(const Policy& policy) {
    if (!policy.lan.allow) {
        return {};
    }
    std::vector<Prefix> all = networks(policy.lan);
    std::ranges::copy(parsed({"224.0.0.0/24", "239.0.0.0/8", "255.255.255.255", "ff02::/16"}),
                      std::back_inserter(all));
    if (policy.ipv6 == Ipv6::block) {
        std::erase_if(all,
                      [](const Prefix& prefix) { return prefix.address.family == IpFamily::v6; });
    }
    return all;
}

bool has_v6(const std::vector<Prefix>& prefixes) {
    return std::ranges::any_of(
        prefixes, [](const Prefix& prefix) { return prefix.address.family == IpFamily::v6; });
}

bool is_dns(const lab::FrameInfo& frame) {
    return (frame.protocol == proto::kUdp || frame.protocol == proto::kTcp) &&
           (frame.destination_port == 53 || frame.destination_port == 853);
}

/// Of the lab's guest.
bool from_guest(const lab::FrameInfo& frame) {
    static const std::vector<Prefix> kNets = parsed({"10.77.0.0/24", "2001:db8:aa::/64"});
    return std::ranges::any_of(kNets,
                               [&](const Prefix& net) { return net.contains(frame.source); });
}

}  // namespace

std::vector<Endpoint> playable_endpoints(const Tunnel& tunnel) {
    std::vector<Endpoint> playable;
    std::ranges::copy_if(tunnel.endpoints, std::back_inserter(playable),
                         [](const Endpoint& endpoint) { return endpoint.port != 0; });
    return playable;
}

std::vector<Endpoint> playable_endpoints(const Policy& policy) {
    std::vector<Endpoint> all;
    for (const Tunnel& tunnel : policy.tunnels) {
        std::ranges::copy(playable_endpoints(tunnel), std::back_inserter(all));
    }
    return all;
}

Expectation::Expectation(const Policy& policy) : local_(local_space(policy)), dns_(policy.lan.dns) {
    always_.endpoints = playable_endpoints(policy);
    always_.neighbour_discovery =
        has_v6(local_) || std::ranges::any_of(always_.endpoints, [](const Endpoint& e) {
            return e.address.family == IpFamily::v6;
        });
}

bool Expectation::is_local(const lab::FrameInfo& frame) const {
    const bool ip = frame.ethertype == lab::kEtherIpv4 || frame.ethertype == lab::kEtherIpv6;
    return ip && (dns_ || !is_dns(frame)) && !from_guest(frame) &&
           std::ranges::any_of(local_,
                               [&](const Prefix& net) { return net.contains(frame.destination); });
}

bool Expectation::covers(const lab::FrameInfo& frame) const {
    return always_.covers(frame) || is_local(frame);
}

}  // namespace ks::drills
