// SPDX-License-Identifier: GPL-2.0-or-later
#include "refusals.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr const char* kIpv6 = "ipv6";
constexpr const char* kDns = "dns";
constexpr const char* kLan = "lan";
constexpr const char* kEndpointGuard = "endpoint-guard";
constexpr const char* kGuest = "guest";
constexpr const char* kUplink = "uplink";
constexpr const char* kSpoof = "spoof";
constexpr const char* kInbound = "inbound";

constexpr const char* kRefuse = "refuse";
constexpr std::size_t kLinearGuards = 5;

Rule refuse(std::vector<Match> matches, const char* reason) {
    return {std::move(matches), reason, Verdict::jump, kRefuse, fmt::format("refused: {}", reason)};
}

/// Plain DNS and DNS over TLS, by either transport.
std::vector<std::vector<Match>> dns_packets() {
    constexpr std::uint16_t kPlain = 53;
    constexpr std::uint16_t kOverTls = 853;
    std::vector<std::vector<Match>> all;
    for (const std::uint8_t protocol : {proto::kUdp, proto::kTcp}) {
        for (const std::uint16_t port : {kPlain, kOverTls}) {
            all.push_back({match::Protocol{protocol}, match::DestinationPort{{port, port}}});
        }
    }
    return all;
}

/// Sends the answer that lets applications fail at once. A TCP connect() in progress only ends at
/// once by a reset; the ICMP error would reach it while the socket is locked, and be kept back.
Chain refuse_chain() {
    return {kRefuse,
            std::nullopt,
            {{{match::Protocol{proto::kTcp}}, {}, Verdict::reject_tcp, {}, {}},
             {{}, {}, Verdict::reject, {}, {}}}};
}

std::vector<Endpoint> endpoint_addresses(const Policy& policy, IpFamily family) {
    std::vector<Endpoint> addresses;
    for (const Tunnel& tunnel : policy.tunnels) {
        for (const Endpoint& endpoint : tunnel.endpoints) {
            if (endpoint.address.family == family) {
                addresses.push_back({endpoint.address, 0, 0});
            }
        }
    }
    std::ranges::sort(addresses);
    const auto repeated = std::ranges::unique(addresses);
    addresses.erase(repeated.begin(), repeated.end());
    return addresses;
}

/// Packets to an endpoint that are not the tunnel's: other port, protocol or sender. They would
/// leave in clear, towards the one address that is sure to be watched.
void add_endpoint_guard(Ruleset& ruleset, Chain& output, const Policy& policy, IpFamily family) {
    std::vector<Endpoint> addresses = endpoint_addresses(policy, family);
    if (addresses.size() <= kLinearGuards) {
        for (const Endpoint& endpoint : addresses) {
            const Prefix host = Prefix::of(endpoint.address, endpoint.address.bits());
            output.rules.push_back(
                refuse({match::Family{family}, match::Destination{host}}, kEndpointGuard));
        }
        return;
    }
    const SetKey key{family, SetKey::Of::address};
    const std::string name = family == IpFamily::v4 ? "guarded4" : "guarded6";
    ruleset.sets.push_back({name, key, std::move(addresses)});
    output.rules.push_back(
        refuse({match::Family{family}, match::InSet{match::InSet::Far::destination, key, name}},
               kEndpointGuard));
}

void refuse_local_networks(Chain& output) {
    for (const char* const network :
         {"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
          "224.0.0.0/4", "255.255.255.255"}) {
        output.rules.push_back(refuse(
            {match::Family{IpFamily::v4}, match::Destination{*Prefix::parse(network)}}, kLan));
    }
}

/// The line that holds if every rule before it were wrong; the chain's own policy is the next one.
Rule last_line() {
    return {{}, {}, Verdict::drop, {}, "nothing passes here"};
}

}  // namespace

void add_refusals(Ruleset& ruleset, const Policy& policy, BaseChains base) {
    ruleset.counters = {kIpv6, kDns, kLan, kEndpointGuard, kGuest, kUplink, kSpoof, kInbound};

    add_endpoint_guard(ruleset, base.output, policy, IpFamily::v4);
    add_endpoint_guard(ruleset, base.output, policy, IpFamily::v6);
    for (Chain* const chain : {&base.output, &base.forward}) {
        chain->rules.push_back(refuse({match::Family{IpFamily::v6}}, kIpv6));
        for (std::vector<Match>& packets : dns_packets()) {
            chain->rules.push_back(refuse(std::move(packets), kDns));
        }
    }
    refuse_local_networks(base.output);
    base.output.rules.push_back(refuse({}, kUplink));
    base.forward.rules.push_back(refuse({}, kGuest));
    base.input.rules.push_back({{}, kInbound, Verdict::drop, {}, "unasked-for"});
    base.output.rules.push_back(last_line());
    base.forward.rules.push_back(last_line());

    ruleset.chains = {std::move(base.output), std::move(base.input), std::move(base.forward),
                      refuse_chain()};
}

std::vector<Chain> tunnel_dns_chains(const std::vector<IpAddress>& servers) {
    Chain dispatch{"tunnel_dns", std::nullopt, {}};
    for (std::vector<Match>& packets : dns_packets()) {
        dispatch.rules.push_back({std::move(packets), {}, Verdict::jump, "dns_servers", {}});
    }
    Chain allowed{"dns_servers", std::nullopt, {}};
    for (const IpAddress& server : servers) {
        allowed.rules.push_back(
            {{match::Family{server.family}, match::Destination{Prefix::of(server, server.bits())}},
             {},
             Verdict::accept,
             {},
             "DNS server"});
    }
    allowed.rules.push_back(refuse({}, kDns));
    return {std::move(dispatch), std::move(allowed)};
}

}  // namespace ks
