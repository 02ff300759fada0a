// SPDX-License-Identifier: GPL-2.0-or-later
#include "allow_rules.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"

#include <utility>
#include <vector>

namespace ks {

namespace {

/// Where an exception holds, seen from one of the two directions.
template <class Interface, class Address>
std::vector<Match> place(const Draft& draft, const AllowRule& exception) {
    std::vector<Match> matches;
    if (!exception.interface.empty()) {
        matches.emplace_back(Interface{exception.interface});
    }
    if (exception.far) {
        matches.emplace_back(match::Family{exception.far->address.family});
        if (exception.far->length != 0) {  // nft reads a /0 as a match of its own kind.
            matches.emplace_back(Address{*exception.far});
        }
    } else if (draft.policy.ipv6 == Ipv6::block) {
        matches.emplace_back(match::Family{IpFamily::v4});
    }
    return matches;
}

std::vector<Match> joined(std::vector<Match> first, const std::vector<Match>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

/// The ports of an exception as lists of matches; one empty list when it names none.
template <class Port>
std::vector<std::vector<Match>> port_matches(const AllowRule& exception) {
    std::vector<std::vector<Match>> all;
    for (const PortSpec& spec : exception.ports) {
        all.push_back({match::Protocol{spec.protocol}, Port{spec.ports}});
    }
    if (all.empty()) {
        all.emplace_back();
    }
    return all;
}

void add_outbound(Draft& draft, const AllowRule& exception) {
    const auto sender = senders(draft, exception.user, exception.group, exception.cgroup);
    if (!sender) {
        return;
    }
    const auto out = place<match::OutInterface, match::Destination>(draft, exception);
    for (const auto& ports : port_matches<match::DestinationPort>(exception)) {
        draft.output.rules.push_back(
            accept(joined(joined(out, ports), *sender), "outbound exception"));
    }
    const auto in = place<match::InInterface, match::Source>(draft, exception);
    for (const auto& ports : port_matches<match::SourcePort>(exception)) {
        draft.input.rules.push_back(
            accept(joined(joined(in, ports), {match::CtEstablished{}}), "its answers"));
    }
}

/// Answers leave only as answers: a TCP segment that opens nothing, or what conntrack has seen
/// begin on the other side.
void add_inbound(Draft& draft, const AllowRule& exception) {
    const auto in = place<match::InInterface, match::Source>(draft, exception);
    for (const auto& ports : port_matches<match::DestinationPort>(exception)) {
        draft.input.rules.push_back(accept(joined(in, ports), "inbound exception"));
    }
    const auto out = place<match::OutInterface, match::Destination>(draft, exception);
    const auto answer = [&](const std::vector<Match>& ports, Match proof) {
        draft.output.rules.push_back(
            accept(joined(joined(out, ports), {std::move(proof)}), "its answers"));
    };
    for (const PortSpec& spec : exception.ports) {
        const std::vector<Match> ports{match::Protocol{spec.protocol},
                                       match::SourcePort{spec.ports}};
        answer(ports, spec.protocol == proto::kTcp ? Match{match::TcpNotOpening{}}
                                                   : Match{match::CtReply{}});
    }
    if (exception.ports.empty()) {
        answer({}, match::CtReply{});
    }
}

}  // namespace

void add_allow_rules(Draft& draft, Ports which) {
    const auto wanted = [&](const AllowRule& exception) {
        return exception.ports.empty() == (which == Ports::any);
    };
    for (const AllowRule& exception : draft.policy.outbound) {
        if (wanted(exception)) {
            add_outbound(draft, exception);
        }
    }
    for (const AllowRule& exception : draft.policy.inbound) {
        if (wanted(exception)) {
            add_inbound(draft, exception);
        }
    }
}

}  // namespace ks
