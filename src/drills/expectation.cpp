// SPDX-License-Identifier: GPL-2.0-or-later
#include "expectation.hpp"

#include "allowance.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
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

/// As `place()` of the rules has it: an exception without an address is for the families that the
/// policy lets through.
bool is_far(const Policy& policy, const AllowRule& exception, const IpAddress& address) {
    return exception.far ? exception.far->contains(address)
                         : address.family == IpFamily::v4 || policy.ipv6 == Ipv6::tunnel;
}

bool opens_v6(const Policy& policy, const std::vector<AllowRule>& exceptions) {
    return std::ranges::any_of(exceptions, [&](const AllowRule& exception) {
        return exception.far ? exception.far->address.family == IpFamily::v6
                             : policy.ipv6 == Ipv6::tunnel;
    });
}

bool has_port(const AllowRule& exception, std::uint8_t protocol, std::uint16_t port) {
    return std::ranges::any_of(exception.ports, [&](const PortSpec& spec) {
        return spec.protocol == protocol && spec.ports.contains(port);
    });
}

/// The lab's first uplink plays every interface that an exception names.
bool by_interface(const AllowRule& exception, const lab::FrameInfo& frame) {
    return exception.interface.empty() || frame.uplink == 0;
}

bool is_sender(const AllowRule& exception, const lab::Sender* sender) {
    if (!exception.user && !exception.group) {
        return true;
    }
    return sender != nullptr && (!exception.user || sender->user.value_or(0) == *exception.user) &&
           (!exception.group || sender->group.value_or(0) == *exception.group);
}

bool goes_out(const Policy& policy, const AllowRule& exception, const lab::FrameInfo& frame,
              const lab::Sender* sender) {
    const bool port = exception.ports.empty()
                          ? !is_dns(frame)
                          : has_port(exception, frame.protocol, frame.destination_port);
    return port && is_far(policy, exception, frame.destination) && by_interface(exception, frame) &&
           is_sender(exception, sender);
}

/// An answer opens nothing.
bool answers(const Policy& policy, const AllowRule& exception, const lab::FrameInfo& frame) {
    constexpr std::uint8_t kSynOrAck = 0x12;
    constexpr std::uint8_t kSyn = 0x02;
    const bool opening = frame.protocol == proto::kTcp && (frame.tcp_flags & kSynOrAck) == kSyn;
    const bool port =
        exception.ports.empty() || has_port(exception, frame.protocol, frame.source_port);
    // What probes send carries a mark, and no answer does.
    return port && !opening && frame.tag == 0 && is_far(policy, exception, frame.destination) &&
           by_interface(exception, frame);
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

Expectation::Expectation(const Policy& policy)
    : policy_(policy), allowances_(drills::allowances(policy)), local_(local_space(policy)) {
    for (const Tunnel& tunnel : policy.tunnels) {
        if (tunnel.via.empty()) {  // The others are spoken to inside one of these.
            std::ranges::copy(playable_endpoints(tunnel), std::back_inserter(always_.endpoints));
        }
    }
    always_.neighbour_discovery =
        has_v6(local_) || opens_v6(policy, policy.outbound) || opens_v6(policy, policy.inbound) ||
        std::ranges::any_of(always_.endpoints,
                            [](const Endpoint& e) { return e.address.family == IpFamily::v6; });
    if (policy.scope == Scope::apps && !policy.apps.users.empty()) {
        prober_.user = policy.apps.users.front();
    } else if (policy.scope == Scope::apps && !policy.apps.groups.empty()) {
        prober_.group = policy.apps.groups.front();
    }
}

bool Expectation::is_needed(const lab::FrameInfo& frame) const {
    return always_.covers(frame);
}

bool Expectation::is_local(const lab::FrameInfo& frame) const {
    return (policy_.lan.dns || !is_dns(frame)) &&
           std::ranges::any_of(local_,
                               [&](const Prefix& net) { return net.contains(frame.destination); });
}

bool Expectation::is_confined(const lab::Sender& sender) const {
    const auto listed = [](const std::vector<std::uint32_t>& ids, std::uint32_t id) {
        return std::ranges::find(ids, id) != ids.end();
    };
    return listed(policy_.apps.users, sender.user.value_or(0)) ||
           listed(policy_.apps.groups, sender.group.value_or(0));
}

bool Expectation::lets(const Allowance& allowance, const lab::FrameInfo& frame,
                       const lab::Sender* sender) const {
    switch (allowance.kind) {
    case Allowance::Kind::lan:
        return is_local(frame);
    case Allowance::Kind::outbound:
        return goes_out(policy_, policy_.outbound[allowance.number], frame, sender);
    case Allowance::Kind::inbound:
        return answers(policy_, policy_.inbound[allowance.number], frame);
    case Allowance::Kind::apps:
        return sender == nullptr || !is_confined(*sender);
    }
    return false;
}

std::optional<std::size_t> Expectation::allowed_by(const lab::FrameInfo& frame,
                                                   const lab::Sender* sender) const {
    const bool ip = frame.ethertype == lab::kEtherIpv4 || frame.ethertype == lab::kEtherIpv6;
    for (std::size_t number = 0; ip && number < allowances_.size(); ++number) {
        const Allowance& allowance = allowances_[number];
        const bool of_host = allowance.kind == Allowance::Kind::apps || !from_guest(frame);
        if (of_host && lets(allowance, frame, sender)) {
            return number;
        }
    }
    return std::nullopt;
}

}  // namespace ks::drills
