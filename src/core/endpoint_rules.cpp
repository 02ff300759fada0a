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
    std::vector<Rule>& output;
    std::vector<Rule>& input;
};

bool goes_directly(const Tunnel& tunnel) {
    return tunnel.via.empty();
}

void add_one(const Endpoint& endpoint, const Side& side) {
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
    side.output.push_back(accept(std::move(out), side.comment));
    side.input.push_back(accept(std::move(in), side.comment));
}

void add_set(Draft& draft, Set set, const Side& side) {
    const match::Family family{set.key.family};
    const bool any_tcp = std::ranges::any_of(
        set.elements, [](const Endpoint& e) { return e.protocol == proto::kTcp; });
    std::vector<Match> out{family, match::InSet{Far::destination, set.key, set.name}};
    out.insert(out.end(), side.only.begin(), side.only.end());
    side.output.push_back(accept(std::move(out), side.comment));
    const match::InSet from_set{Far::source, set.key, set.name};
    if (any_tcp) {
        side.input.push_back(
            accept({family, match::Protocol{proto::kTcp}, from_set, match::TcpNotOpening{}},
                   side.comment));
    }
    side.input.push_back(accept({family, match::Protocol{proto::kUdp}, from_set}, side.comment));
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
            add_one(endpoint, side);
        } else {
            with_ports.push_back(endpoint);
        }
    }
    if (with_ports.size() <= kLinear) {
        for (const Endpoint& endpoint : with_ports) {
            add_one(endpoint, side);
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
            add_one(lease.endpoint,
                    {*std::move(only), "lease", draft.output.rules, draft.input.rules});
        }
    }
}

/// The addresses of the endpoints of some tunnels, sorted, as elements of a set of addresses.
/// Leases are for no tunnel in particular, and go directly.
std::vector<Endpoint> addresses(const Draft& draft, const SomeTunnels& some, IpFamily family) {
    std::vector<Endpoint> all;
    const auto add = [&](const std::string& name) {
        for (const KnownEndpoint& known : endpoints_of(draft.situation.endpoints, name)) {
            if (known.endpoint.address.family == family) {
                all.push_back({known.endpoint.address, 0, 0});
            }
        }
    };
    for (const Tunnel& tunnel : draft.policy.tunnels) {
        if (some(tunnel)) {
            add(tunnel.name);
        }
    }
    if (some(Tunnel{})) {
        add(kLeases);
    }
    sort_unique(all);
    return all;
}

}  // namespace

void add_endpoints_of(Draft& draft, std::size_t number, std::vector<Rule>& output,
                      std::vector<Rule>& input) {
    const Tunnel& tunnel = draft.policy.tunnels[number];
    if (auto only = senders(draft, tunnel.only)) {
        const Side side{*std::move(only), fmt::format("endpoint of {}", tunnel.name), output,
                        input};
        add_family(draft, number, IpFamily::v4, side);
        add_family(draft, number, IpFamily::v6, side);
    }
}

void add_endpoints(Draft& draft) {
    for (std::size_t i = 0; i < draft.policy.tunnels.size(); ++i) {
        if (goes_directly(draft.policy.tunnels[i])) {
            add_endpoints_of(draft, i, draft.output.rules, draft.input.rules);
        }
    }
    add_leases(draft);
}

void add_path_mtu(Draft& draft) {
    add_path_mtu_of(draft, goes_directly, draft.input.rules);
}

void add_path_mtu_of(Draft& draft, const SomeTunnels& some, std::vector<Rule>& input) {
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
        const std::vector<Endpoint> far = addresses(draft, some, kind.family);
        if (far.size() > kMostPathMtuRules) {
            input.push_back(accept(kind.matches, "path MTU"));
            continue;
        }
        for (const Endpoint& endpoint : far) {
            std::vector<Match> matches = kind.matches;
            matches.emplace_back(match::InnerDestination{endpoint.address});
            input.push_back(accept(std::move(matches), "path MTU"));
        }
    }
}

/// They would leave in clear, towards the one address that is sure to be watched.
void add_endpoint_guard(Draft& draft) {
    add_guard_of(draft, goes_directly, "guarded");
}

void add_guard_of(Draft& draft, const SomeTunnels& some, const std::string& sets) {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        std::vector<Endpoint> far = addresses(draft, some, family);
        if (far.size() <= kLinear) {
            for (const Endpoint& endpoint : far) {
                const Prefix host = Prefix::of(endpoint.address, endpoint.address.bits());
                draft.output.rules.push_back(refuse(
                    {match::Family{family}, match::Destination{host}}, reason::kEndpointGuard));
            }
            continue;
        }
        const SetKey key{family, SetKey::Of::address};
        const std::string name = fmt::format("{}{}", sets, family == IpFamily::v4 ? 4 : 6);
        draft.sets.push_back({name, key, std::move(far)});
        draft.output.rules.push_back(
            refuse({match::Family{family}, match::InSet{Far::destination, key, name}},
                   reason::kEndpointGuard));
    }
}

}  // namespace ks
