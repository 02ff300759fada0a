// SPDX-License-Identifier: GPL-2.0-or-later
#include "refusals.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// Sends the answer that lets applications fail at once. A TCP connect() in progress only ends at
/// once by a reset; the ICMP error would reach it while the socket is locked, and be kept back.
Chain refuse_chain() {
    return {kRefuseChain,
            std::nullopt,
            {{{match::Protocol{proto::kTcp}}, {}, Verdict::reject_tcp, {}, {}},
             {{}, {}, Verdict::reject, {}, {}}}};
}

void refuse_local_networks(Chain& output) {
    for (const char* const network :
         {"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
          "224.0.0.0/4", "255.255.255.255"}) {
        output.rules.push_back(
            refuse({match::Family{IpFamily::v4}, match::Destination{*Prefix::parse(network)}},
                   reason::kLan));
    }
}

/// The line that holds if every rule before it were wrong; the chain's own policy is the next one.
Rule last_line() {
    return {{}, {}, Verdict::drop, {}, "nothing passes here"};
}

}  // namespace

void refuse_dns(Draft& draft) {
    for (std::vector<Match>& packets : dns_packets()) {
        draft.output.rules.push_back(refuse(std::move(packets), reason::kDns));
    }
}

void add_refusals(Draft& draft) {
    draft.output.rules.push_back(refuse({match::Family{IpFamily::v6}}, reason::kIpv6));
    refuse_local_networks(draft.output);
    draft.output.rules.push_back(refuse({}, reason::kUplink));

    draft.forward.rules.push_back(refuse({match::Family{IpFamily::v6}}, reason::kIpv6));
    for (std::vector<Match>& packets : dns_packets()) {
        draft.forward.rules.push_back(refuse(std::move(packets), reason::kDns));
    }
    draft.forward.rules.push_back(refuse({}, reason::kGuest));

    draft.input.rules.push_back({{}, reason::kInbound, Verdict::drop, {}, "unasked-for"});
    draft.output.rules.push_back(last_line());
    draft.forward.rules.push_back(last_line());
    draft.others.push_back(refuse_chain());
}

std::string in_words(const std::string& reason) {
    static const std::map<std::string, std::string> kWords{
        {reason::kIpv6, "IPv6 may not leave outside the tunnel"},
        {reason::kDns, "no name server may be asked outside the tunnel"},
        {reason::kLan, "the local network is not allowed"},
        {reason::kEndpointGuard, "it goes to a VPN server, but is not what the VPN sends there"},
        {reason::kGuest, "a guest may only use the tunnel"},
        {reason::kUplink, "nothing but the VPN's own packets may leave outside the tunnel"},
        {reason::kSpoof, "it is for a tunnel's address, but came another way"},
        {reason::kInbound, "nobody may open a connection to this host"},
        {reason::kTunnelInbound, "nobody may open a connection to this host through the tunnel"},
        {reason::kVia, "this tunnel carries nothing but the packets of another one"},
        {reason::kPrivate, "private addresses may not be reached through this tunnel"},
        {reason::kRaw, "it leaves by a device in a way that no rule allows"},
    };
    const auto found = kWords.find(reason);
    return found == kWords.end() ? "no rule lets it pass" : found->second;
}

std::string key_of(const std::string& reason, const Policy& policy) {
    const auto stated = [](const char* key, bool is_default, const char* value) {
        return fmt::format("{} is {}{}", key, value, is_default ? " (default)" : "");
    };
    if (reason == reason::kIpv6) {
        return policy.ipv6 == Ipv6::block ? stated("ipv6", true, "block")
                                          : stated("ipv6", false, "tunnel");
    }
    if (reason == reason::kDns) {
        return policy.lan.dns ? std::string() : stated("lan.dns", true, "false");
    }
    if (reason == reason::kLan) {
        return policy.lan.allow ? "lan.networks does not include it"
                                : stated("lan.allow", true, "false");
    }
    if (reason == reason::kEndpointGuard) {
        return "tunnels: endpoints and `only` of the tunnel";
    }
    if (reason == reason::kGuest) {
        return policy.guests.reach == Guests::Reach::block ? stated("guests.reach", false, "block")
                                                           : stated("guests.reach", true, "tunnel");
    }
    if (reason == reason::kUplink) {
        return policy.outbound.empty() ? "allow.outbound is empty (default)"
                                       : "allow.outbound has no entry for it";
    }
    if (reason == reason::kInbound) {
        return policy.inbound.empty() ? "allow.inbound is empty (default)"
                                      : "allow.inbound has no entry for it";
    }
    if (reason == reason::kTunnelInbound) {
        return "tunnels: `inbound` of the tunnel does not include it";
    }
    if (reason == reason::kPrivate) {
        return "tunnels: `private` of the tunnel is refuse";
    }
    if (reason == reason::kVia) {
        return "tunnels: `via` of another tunnel names it";
    }
    return {};
}

std::vector<std::string> all_reasons() {
    return {reason::kIpv6,          reason::kDns,     reason::kLan,   reason::kEndpointGuard,
            reason::kGuest,         reason::kUplink,  reason::kSpoof, reason::kInbound,
            reason::kTunnelInbound, reason::kPrivate, reason::kVia};
}

}  // namespace ks
