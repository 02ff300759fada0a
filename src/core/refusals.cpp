// SPDX-License-Identifier: GPL-2.0-or-later
#include "draft.hpp"

#include <fmt/format.h>

namespace ks {

namespace {

constexpr const char* kRefuse = "refuse";

/// Sends the answer that lets applications fail at once. A TCP connect() in progress only ends at
/// once by a reset; the ICMP error would reach it while the socket is locked, and be kept back.
Chain refuse_chain() {
    return {kRefuse,
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

Rule accept(std::vector<Match> matches, std::string comment) {
    return {std::move(matches), {}, Verdict::accept, {}, std::move(comment)};
}

Rule refuse(std::vector<Match> matches, const char* reason) {
    return {std::move(matches), reason, Verdict::jump, kRefuse, fmt::format("refused: {}", reason)};
}

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

std::optional<std::vector<Match>> senders(const Draft& draft, std::optional<std::uint32_t> user,
                                          std::optional<std::uint32_t> group,
                                          const std::optional<std::string>& cgroup) {
    std::vector<Match> matches;
    if (user) {
        matches.emplace_back(match::User{*user});
    }
    if (group) {
        matches.emplace_back(match::Group{*group});
    }
    if (cgroup) {
        const auto id = draft.situation.cgroups.find(*cgroup);
        if (id == draft.situation.cgroups.end()) {
            return std::nullopt;
        }
        matches.emplace_back(match::Cgroup{*cgroup, id->second});
    }
    return matches;
}

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

std::vector<std::string> all_reasons() {
    return {reason::kIpv6,  reason::kDns,    reason::kLan,   reason::kEndpointGuard,
            reason::kGuest, reason::kUplink, reason::kSpoof, reason::kInbound};
}

}  // namespace ks
