// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/state.hpp"
#include "refusals.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace ks {

namespace {

using Far = match::InSet::Far;

/// Sets win over linear rules from about this many endpoints on (measured: 90 ns against 18 each).
constexpr std::size_t kLinearEndpoints = 5;
constexpr std::uint16_t kDhcpServerPort = 67;
constexpr std::uint16_t kDhcpClientPort = 68;
constexpr std::uint8_t kNeighbourHopLimit = 255;
constexpr std::uint8_t kRouterSolicit = 133, kRouterAdvert = 134, kNeighbourSolicit = 135,
                       kNeighbourAdvert = 136;

Rule accept(std::vector<Match> matches, std::string comment) {
    return {std::move(matches), {}, Verdict::accept, {}, std::move(comment)};
}

bool has_v6_endpoint(const Policy& policy) {
    return std::ranges::any_of(policy.tunnels, [](const Tunnel& tunnel) {
        return std::ranges::any_of(tunnel.endpoints, [](const Endpoint& endpoint) {
            return endpoint.address.family == IpFamily::v6;
        });
    });
}

/// Writes one ruleset. A class only so that the parts share what they all need.
class Compiler {
  public:
    Compiler(const Policy& policy, const Situation& situation)
        : policy_(policy), situation_(situation), output_{"output", Hook::output, {}},
          input_{"input", Hook::input, {}}, forward_{"forward", Hook::forward, {}} {}

    Ruleset run() {
        add_tunnels();
        output_.rules.push_back(accept({match::OutLoopback{}}, "loopback"));
        input_.rules.push_back(accept({match::InLoopback{}}, "loopback"));
        if (situation_.state != StateName::panic) {
            for (std::size_t i = 0; i < policy_.tunnels.size(); ++i) {
                add_endpoints(policy_.tunnels[i], i);
            }
            add_dhcp();
            if (has_v6_endpoint(policy_)) {
                add_neighbour_discovery();
            }
        }
        Ruleset ruleset;
        ruleset.sets = std::move(sets_);
        add_refusals(ruleset, policy_,
                     {std::move(output_), std::move(input_), std::move(forward_)});
        std::ranges::move(extra_chains_, std::back_inserter(ruleset.chains));
        return ruleset;
    }

  private:
    /// First of all rules, because it is the rule of nearly every packet.
    void add_tunnels() {
        for (const std::string& name : situation_.tunnels_up) {
            const std::string comment = fmt::format("tunnel {}", name);
            std::vector<Match> out{match::OutInterface{name}};
            std::vector<Match> in{match::InInterface{name}};
            if (policy_.ipv6 == Ipv6::block) {
                out.emplace_back(match::Family{IpFamily::v4});
                in.emplace_back(match::Family{IpFamily::v4});
            }
            if (policy_.dns_servers) {
                output_.rules.push_back({out, {}, Verdict::jump, "tunnel_dns", comment});
            }
            output_.rules.push_back(accept(std::move(out), comment));
            input_.rules.push_back(accept(std::move(in), comment));
        }
        if (policy_.dns_servers && !situation_.tunnels_up.empty()) {
            std::ranges::move(tunnel_dns_chains(*policy_.dns_servers),
                              std::back_inserter(extra_chains_));
        }
    }

    /// The selectors of `only` as matches; nothing when its cgroup does not exist (yet).
    [[nodiscard]] std::optional<std::vector<Match>> senders(const Only& only) const {
        std::vector<Match> matches;
        if (only.fwmark) {
            matches.emplace_back(match::Mark{only.fwmark->value, only.fwmark->mask});
        }
        if (only.user) {
            matches.emplace_back(match::User{*only.user});
        }
        if (only.group) {
            matches.emplace_back(match::Group{*only.group});
        }
        if (only.cgroup) {
            const auto id = situation_.cgroups.find(*only.cgroup);
            if (id == situation_.cgroups.end()) {
                return std::nullopt;
            }
            matches.emplace_back(match::Cgroup{*only.cgroup, id->second});
        }
        return matches;
    }

    void add_endpoints(const Tunnel& tunnel, std::size_t index) {
        const auto only = senders(tunnel.only);
        if (!only) {
            return;
        }
        const std::string comment = fmt::format("endpoint of {}", tunnel.name);
        for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
            std::vector<Endpoint> with_ports;
            for (const Endpoint& endpoint : tunnel.endpoints) {
                if (endpoint.address.family != family) {
                    continue;
                }
                if (endpoint.port == 0) {
                    add_endpoint(endpoint, *only, comment);
                } else {
                    with_ports.push_back(endpoint);
                }
            }
            if (with_ports.size() > kLinearEndpoints) {
                add_endpoint_set(std::move(with_ports), {family, SetKey::Of::endpoint}, index,
                                 *only, comment);
            } else {
                for (const Endpoint& endpoint : with_ports) {
                    add_endpoint(endpoint, *only, comment);
                }
            }
        }
    }

    void add_endpoint(const Endpoint& endpoint, const std::vector<Match>& only,
                      const std::string& comment) {
        const Prefix host = Prefix::of(endpoint.address, endpoint.address.bits());
        const match::Family family{endpoint.address.family};
        std::vector<Match> out{family, match::Destination{host},
                               match::Protocol{endpoint.protocol}};
        std::vector<Match> in{family, match::Source{host}, match::Protocol{endpoint.protocol}};
        if (endpoint.port != 0) {
            out.emplace_back(match::DestinationPort{{endpoint.port, endpoint.port}});
            in.emplace_back(match::SourcePort{{endpoint.port, endpoint.port}});
        }
        if (endpoint.protocol == proto::kTcp) {
            in.emplace_back(match::TcpNotOpening{});  // The server answers, it never calls us.
        }
        out.insert(out.end(), only.begin(), only.end());
        output_.rules.push_back(accept(std::move(out), comment));
        input_.rules.push_back(accept(std::move(in), comment));
    }

    void add_endpoint_set(std::vector<Endpoint> endpoints, SetKey key, std::size_t index,
                          const std::vector<Match>& only, const std::string& comment) {
        std::ranges::sort(endpoints);
        const std::string name =
            fmt::format("endpoints{}_{}", key.family == IpFamily::v4 ? 4 : 6, index + 1);
        const bool any_tcp = std::ranges::any_of(
            endpoints, [](const Endpoint& e) { return e.protocol == proto::kTcp; });
        sets_.push_back({name, key, std::move(endpoints)});
        std::vector<Match> out{match::Family{key.family},
                               match::InSet{Far::destination, key, name}};
        out.insert(out.end(), only.begin(), only.end());
        output_.rules.push_back(accept(std::move(out), comment));
        const match::InSet from_set{Far::source, key, name};
        const match::Family family{key.family};
        if (any_tcp) {
            input_.rules.push_back(accept(
                {family, match::Protocol{proto::kTcp}, from_set, match::TcpNotOpening{}}, comment));
        }
        input_.rules.push_back(accept({family, match::Protocol{proto::kUdp}, from_set}, comment));
    }

    /// Discovery is broadcast, renewal is unicast to whatever address the server has. The ports
    /// need privilege on both ends.
    void add_dhcp() {
        const match::Family v4{IpFamily::v4};
        const match::Protocol udp{proto::kUdp};
        const PortRange client{kDhcpClientPort, kDhcpClientPort};
        const PortRange server{kDhcpServerPort, kDhcpServerPort};
        output_.rules.push_back(accept(
            {v4, udp, match::SourcePort{client}, match::DestinationPort{server}}, "DHCP request"));
        input_.rules.push_back(accept(
            {v4, udp, match::SourcePort{server}, match::DestinationPort{client}}, "DHCP answer"));
    }

    /// What an IPv6 endpoint needs to be reached over an Ethernet. Hop limit 255 proves that the
    /// packet comes from this link. Source: RFC 4861, section 11.2.
    void add_neighbour_discovery() {
        const std::vector<Match> common{match::Family{IpFamily::v6},
                                        match::Protocol{proto::kIcmpv6}};
        const auto add = [&](Chain& chain, std::uint8_t type, const auto& not_tunnel) {
            std::vector<Match> matches;
            for (const Tunnel& tunnel : policy_.tunnels) {
                matches.push_back(not_tunnel(tunnel.interface));
            }
            matches.insert(matches.end(), common.begin(), common.end());
            matches.emplace_back(match::IcmpType{type});
            matches.emplace_back(match::HopLimit{kNeighbourHopLimit});
            chain.rules.push_back(accept(std::move(matches), "neighbour discovery"));
        };
        for (const std::uint8_t type : {kRouterSolicit, kNeighbourSolicit, kNeighbourAdvert}) {
            add(output_, type, [](const std::string& name) {
                return Match{match::OutInterface{name, /*negated=*/true}};
            });
        }
        for (const std::uint8_t type : {kRouterAdvert, kNeighbourSolicit, kNeighbourAdvert}) {
            add(input_, type, [](const std::string& name) {
                return Match{match::InInterface{name, /*negated=*/true}};
            });
        }
    }

    const Policy& policy_;
    const Situation& situation_;
    Chain output_;
    Chain input_;
    Chain forward_;
    std::vector<Set> sets_;
    std::vector<Chain> extra_chains_;
};

}  // namespace

std::optional<Ruleset> compile(const Policy& policy, const Situation& situation) {
    if (situation.state == StateName::disarmed) {
        return std::nullopt;
    }
    return Compiler(policy, situation).run();
}

Ruleset builtin_lock() {
    return *compile(Policy{}, Situation{StateName::locked, {}, {}});
}

}  // namespace ks
