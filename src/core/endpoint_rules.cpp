// SPDX-License-Identifier: GPL-2.0-or-later
#include "endpoint_rules.hpp"

#include "killswitchd/endpoints.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "places.hpp"
#include "sort_unique.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

using Far = match::InSet::Far;

/// Errors about packets to more addresses than this are left to the kernel's own check.
constexpr std::size_t kMostPathMtuRules = 64;

std::optional<std::vector<Match>> senders(const Draft& draft, const Only& only) {
    std::vector<Match> matches;
    if (only.fwmark) {
        matches.emplace_back(match::Mark{only.fwmark->value, only.fwmark->mask});
    }
    auto rest = senders(draft, only.user, only.group, only.cgroup);
    if (!rest) {
        return std::nullopt;
    }
    matches.insert(matches.end(), rest->begin(), rest->end());
    return matches;
}

/// The endpoints of one tunnel, and who may send to them.
struct Side {
    std::vector<Match> only;
    std::string comment;
};

void add_one(Draft& draft, const Endpoint& endpoint, const Side& side) {
    const Prefix host = Prefix::of(endpoint.address, endpoint.address.bits());
    const match::Family family{endpoint.address.family};
    std::vector<Match> out{family, match::Destination{host}, match::Protocol{endpoint.protocol}};
    std::vector<Match> in{family, match::Source{host}, match::Protocol{endpoint.protocol}};
    if (endpoint.port != 0) {
        out.emplace_back(match::DestinationPort{{endpoint.port, endpoint.port}});
        in.emplace_back(match::SourcePort{{endpoint.port, endpoint.port}});
    }
    if (endpoint.protocol == proto::kTcp) {
        in.emplace_back(match::TcpNotOpening{});  // The server answers, it never calls us.
    }
    out.insert(out.end(), side.only.begin(), side.only.end());
    draft.output.rules.push_back(accept(std::move(out), side.comment));
    draft.input.rules.push_back(accept(std::move(in), side.comment));
}

void add_set(Draft& draft, Set set, const Side& side) {
    const match::Family family{set.key.family};
    const bool any_tcp = std::ranges::any_of(
        set.elements, [](const Endpoint& e) { return e.protocol == proto::kTcp; });
    std::vector<Match> out{family, match::InSet{Far::destination, set.key, set.name}};
    out.insert(out.end(), side.only.begin(), side.only.end());
    draft.output.rules.push_back(accept(std::move(out), side.comment));
    const match::InSet from_set{Far::source, set.key, set.name};
    if (any_tcp) {
        draft.input.rules.push_back(
            accept({family, match::Protocol{proto::kTcp}, from_set, match::TcpNotOpening{}},
                   side.comment));
    }
    draft.input.rules.push_back(
        accept({family, match::Protocol{proto::kUdp}, from_set}, side.comment));
    draft.sets.push_back(std::move(set));
}

void add_family(Draft& draft, std::size_t number, IpFamily family, const Side& side) {
    std::vector<Endpoint> with_ports;
    const std::string& tunnel = draft.policy.tunnels[number].name;
    for (const KnownEndpoint& known : endpoints_of(draft.situation.endpoints, tunnel)) {
        const Endpoint& endpoint = known.endpoint;
        if (endpoint.address.family != family) {
            continue;
        }
        if (endpoint.port == 0) {
            add_one(draft, endpoint, side);
        } else {
            with_ports.push_back(endpoint);
        }
    }
    if (with_ports.size() <= kLinear) {
        for (const Endpoint& endpoint : with_ports) {
            add_one(draft, endpoint, side);
        }
        return;
    }
    std::ranges::sort(with_ports);
    const std::string name =
        fmt::format("endpoints{}_{}", family == IpFamily::v4 ? 4 : 6, number + 1);
    add_set(draft, {name, {family, SetKey::Of::endpoint}, std::move(with_ports)}, side);
}

/// They are few, and each has senders of its own.
void add_leases(Draft& draft) {
    for (const KnownEndpoint& lease : endpoints_of(draft.situation.endpoints, kLeases)) {
        if (auto only = senders(draft, lease.only.value_or(Only{}))) {
            add_one(draft, lease.endpoint, {*std::move(only), "lease"});
        }
    }
}

/// The addresses of all endpoints, sorted, as elements of a set of addresses.
std::vector<Endpoint> addresses(const Situation& situation, IpFamily family) {
    std::vector<Endpoint> all;
    for (const auto& [tunnel, endpoints] : situation.endpoints) {
        for (const KnownEndpoint& known : endpoints) {
            if (known.endpoint.address.family == family) {
                all.push_back({known.endpoint.address, 0, 0});
            }
        }
    }
    sort_unique(all);
    return all;
}

}  // namespace

void add_endpoints(Draft& draft) {
    for (std::size_t i = 0; i < draft.policy.tunnels.size(); ++i) {
        const Tunnel& tunnel = draft.policy.tunnels[i];
        auto only = senders(draft, tunnel.only);
        if (!only) {
            continue;
        }
        const Side side{*std::move(only), fmt::format("endpoint of {}", tunnel.name)};
        add_family(draft, i, IpFamily::v4, side);
        add_family(draft, i, IpFamily::v6, side);
    }
    add_leases(draft);
}

void add_path_mtu(Draft& draft) {
    struct Kind {
        IpFamily family;
        std::vector<Match> matches;
    };
    constexpr std::uint8_t kUnreachable = 3;
    constexpr std::uint8_t kFragmentationNeeded = 4;
    constexpr std::uint8_t kPacketTooBig = 2;
    const std::vector<Kind> kinds{
        {IpFamily::v4,
         {match::Family{IpFamily::v4}, match::Protocol{proto::kIcmp}, match::IcmpType{kUnreachable},
          match::IcmpCode{kFragmentationNeeded}}},
        {IpFamily::v6,
         {match::Family{IpFamily::v6}, match::Protocol{proto::kIcmpv6},
          match::IcmpType{kPacketTooBig}}},
    };
    for (const Kind& kind : kinds) {
        const std::vector<Endpoint> far = addresses(draft.situation, kind.family);
        if (far.size() > kMostPathMtuRules) {
            draft.input.rules.push_back(accept(kind.matches, "path MTU"));
            continue;
        }
        for (const Endpoint& endpoint : far) {
            std::vector<Match> matches = kind.matches;
            matches.emplace_back(match::InnerDestination{endpoint.address});
            draft.input.rules.push_back(accept(std::move(matches), "path MTU"));
        }
    }
}

/// They would leave in clear, towards the one address that is sure to be watched.
void add_endpoint_guard(Draft& draft) {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        std::vector<Endpoint> far = addresses(draft.situation, family);
        if (far.size() <= kLinear) {
            for (const Endpoint& endpoint : far) {
                const Prefix host = Prefix::of(endpoint.address, endpoint.address.bits());
                draft.output.rules.push_back(refuse(
                    {match::Family{family}, match::Destination{host}}, reason::kEndpointGuard));
            }
            continue;
        }
        const SetKey key{family, SetKey::Of::address};
        const std::string name = family == IpFamily::v4 ? "guarded4" : "guarded6";
        draft.sets.push_back({name, key, std::move(far)});
        draft.output.rules.push_back(
            refuse({match::Family{family}, match::InSet{Far::destination, key, name}},
                   reason::kEndpointGuard));
    }
}

}  // namespace ks
