// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/decision.hpp"

#include "killswitchd/compile.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/render_text.hpp"
#include "refusals.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

Hook first_hook(Direction direction) {
    switch (direction) {
    case Direction::out:
        return Hook::output;
    case Direction::forward:
        return Hook::forward;
    case Direction::in:
        return Hook::input;
    }
    return Hook::output;
}

/// A refusal is that of the rule that counted it, not of the chain that answers.
Decision decision_of(const Ruleset& ruleset, const Evaluation& evaluation) {
    Decision decision;
    decision.allowed = evaluation.verdict == Verdict::accept;
    decision.comment = evaluation.comment;
    const bool counted = !decision.allowed && !evaluation.counter.empty();
    decision.reason = counted ? evaluation.counter : std::string();
    decision.chain = counted ? evaluation.counted_in : evaluation.chain;
    const std::size_t index = counted ? evaluation.counted_at : evaluation.rule;
    const auto chain = std::ranges::find(ruleset.chains, decision.chain, &Chain::name);
    if (chain == ruleset.chains.end()) {
        return decision;
    }
    decision.rule = index + 1;
    decision.rules = chain->rules.size();
    decision.text = index < chain->rules.size()
                        ? render_text(chain->rules[index], family_of(*chain))
                        : "policy drop";
    return decision;
}

std::string address_in_yaml(const IpAddress& address) {
    return address.family == IpFamily::v4 ? address.str() : fmt::format("\"{}\"", address.str());
}

/// An exception for the far side of a packet, and its port on the server's side.
AllowRule exception_for(const IpAddress& far, std::uint8_t protocol, std::uint16_t port) {
    AllowRule exception;
    exception.far = Prefix::of(far, far.bits());
    // Nobody can write port 0 in a config.
    if (port != 0 && (protocol == proto::kTcp || protocol == proto::kUdp)) {
        exception.ports = {{{port, port}, protocol}};
    }
    return exception;
}

std::string exception_in_yaml(const char* list, const char* side, const AllowRule& exception) {
    std::string ports;
    for (const PortSpec& spec : exception.ports) {
        ports = fmt::format(", ports: [{}/{}]", spec.ports.first, proto::name(spec.protocol));
    }
    return fmt::format("allow: {{ {}: [{{ {}: {}{} }}] }}", list, side,
                       address_in_yaml(exception.far->address), ports);
}

struct Change {
    Cure cure;
    std::function<void(Policy&)> apply;
};

std::vector<Change> usual_changes(const PacketView& packet, Direction direction) {
    if (direction == Direction::forward) {
        return {{{"guests: { reach: tunnel }", "guests use the tunnel"},
                 [](Policy& p) { p.guests.reach = Guests::Reach::tunnel; }},
                {{"ipv6: tunnel", "IPv6, inside the tunnel alone"},
                 [](Policy& p) { p.ipv6 = Ipv6::tunnel; }}};
    }
    if (direction == Direction::in) {
        const AllowRule from =
            exception_for(packet.source, packet.protocol, packet.destination_port);
        return {{{"lan: { allow: true, inbound: true }", "the whole local network, both ways"},
                 [](Policy& p) { p.lan.allow = p.lan.inbound = true; }},
                {{exception_in_yaml("inbound", "from", from), "this sender alone"},
                 [from](Policy& p) { p.inbound.push_back(from); }}};
    }
    const AllowRule to =
        exception_for(packet.destination, packet.protocol, packet.destination_port);
    return {{{"ipv6: tunnel", "IPv6, inside the tunnel alone"},
             [](Policy& p) { p.ipv6 = Ipv6::tunnel; }},
            {{"lan: { allow: true }", "the whole local network"},
             [](Policy& p) { p.lan.allow = true; }},
            {{"lan: { allow: true, dns: true }", "the whole local network and its name servers"},
             [](Policy& p) { p.lan.allow = p.lan.dns = true; }},
            {{exception_in_yaml("outbound", "to", to), "this destination alone"},
             [to](Policy& p) { p.outbound.push_back(to); }}};
}

}  // namespace

Decision decision_on(const Ruleset& ruleset, PacketView packet, Direction direction) {
    packet.hook = first_hook(direction);
    return decision_of(ruleset, follow(ruleset, std::move(packet)));
}

std::vector<Cure> cures(const State& state, const PacketView& packet, Direction direction) {
    std::vector<Cure> found;
    for (const Change& change : usual_changes(packet, direction)) {
        State changed = state;
        change.apply(changed.policy);
        const auto rules = compile(changed.policy, decide(changed));
        const bool implied = !found.empty() && found.back().yaml.starts_with("lan:") &&
                             change.cure.yaml.starts_with("lan:");
        if (rules && !implied && decision_on(*rules, packet, direction).allowed) {
            found.push_back(change.cure);
        }
    }
    return found;
}

std::string why_refused(const Decision& decision) {
    return in_words(decision.reason);
}

std::string key_behind(const Decision& decision, const Policy& policy) {
    return key_of(decision.reason, policy);
}

}  // namespace ks
