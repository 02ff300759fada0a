// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/evaluate.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

namespace ks {

namespace {

bool has_ports(const PacketView& packet) {
    return !packet.later_fragment &&
           (packet.protocol == proto::kTcp || packet.protocol == proto::kUdp);
}

const Set* find_set(const Ruleset& ruleset, const std::string& name) {
    const auto found = std::ranges::find(ruleset.sets, name, &Set::name);
    return found == ruleset.sets.end() ? nullptr : &*found;
}

bool in_set(const Ruleset& ruleset, const match::InSet& match, const PacketView& packet) {
    const Set* const set = find_set(ruleset, match.set);
    if (set == nullptr) {
        return false;
    }
    const bool to = match.far == match::InSet::Far::destination;
    const IpAddress& address = to ? packet.destination : packet.source;
    const std::string& interface = to ? packet.out_interface : packet.in_interface;
    const bool same_family = address.family == match.key.family;
    const auto has = [&](const LinkNetwork& network) {
        return std::ranges::binary_search(set->networks, network);
    };
    switch (match.key.of) {
    case SetKey::Of::address:
        return same_family && std::ranges::binary_search(set->elements, Endpoint{address, 0, 0});
    case SetKey::Of::endpoint:
        return same_family && !packet.later_fragment &&
               std::ranges::binary_search(
                   set->elements, Endpoint{address, packet.protocol,
                                           to ? packet.destination_port : packet.source_port});
    case SetKey::Of::network:
        return same_family && has({{}, Prefix::of(address, match.key.length)});
    case SetKey::Of::interface:
        return has({interface, {}});
    case SetKey::Of::link_network:
        return same_family && has({interface, Prefix::of(address, match.key.length)});
    case SetKey::Of::flow:  // Nobody but the kernel knows what is in it.
        return same_family && has_ports(packet) && packet.remembered;
    case SetKey::Of::answer:
        return same_family && has_ports(packet) && packet.known_flow;
    case SetKey::Of::packet_type:  // All of them, or none any more.
        return !set->timed.empty();
    case SetKey::Of::user:
        return packet.uid &&
               std::ranges::find(set->timed, *packet.uid, &TimedElement::value) != set->timed.end();
    }
    return false;
}

/// cgroup ids begin at level 1; the match names the ancestor at its own depth.
bool in_cgroup(const match::Cgroup& match, const PacketView& packet) {
    const auto level = static_cast<std::size_t>(std::ranges::count(match.path, '/'));
    return level < packet.cgroups.size() && packet.cgroups[level] == match.id;
}

std::uint8_t flags_of(const PacketView& packet) {
    constexpr std::uint8_t kSyn = 0x02;
    return packet.tcp_opening ? kSyn : packet.tcp_flags;
}

std::uint32_t bits(Carry carry) {
    return static_cast<std::uint32_t>(carry);
}

bool matches(const Ruleset& ruleset, const Match& match, const PacketView& packet) {
    constexpr const char* kLoopback = "lo";
    return std::visit(
        Overloaded{
            [&](const match::InInterface& m) {
                return interface_matches(m.name, packet.in_interface) != m.negated;
            },
            [&](const match::OutInterface& m) {
                return interface_matches(m.name, packet.out_interface) != m.negated;
            },
            [&](const match::InKind& m) { return packet.in_kind == m.kind; },
            [&](const match::OutKind& m) { return packet.out_kind == m.kind; },
            [&](const match::InGroup& m) { return (packet.in_group == m.group) != m.negated; },
            [&](const match::OutGroup& m) { return (packet.out_group == m.group) != m.negated; },
            [&](const match::InLoopback&) { return packet.in_interface == kLoopback; },
            [&](const match::OutLoopback&) { return packet.out_interface == kLoopback; },
            [&](const match::Family& m) { return packet.source.family == m.family; },
            [&](const match::Source& m) { return m.prefix.contains(packet.source); },
            [&](const match::Destination& m) { return m.prefix.contains(packet.destination); },
            [&](const match::Protocol& m) { return packet.protocol == m.number; },
            [&](const match::SourcePort& m) {
                return has_ports(packet) && m.ports.contains(packet.source_port);
            },
            [&](const match::DestinationPort& m) {
                return has_ports(packet) && m.ports.contains(packet.destination_port);
            },
            [&](const match::IcmpType& m) {
                return !packet.later_fragment && packet.icmp_type == m.type;
            },
            [&](const match::IcmpCode& m) {
                return !packet.later_fragment && packet.icmp_code == m.code;
            },
            [&](const match::InnerDestination& m) { return packet.inner_destination == m.address; },
            [&](const match::CtEstablished&) { return packet.ct_established; },
            [&](const match::CtReply&) { return packet.ct_reply; },
            [&](const match::Translated& m) {
                return packet.translated_from &&
                       (!m.ports ||
                        (has_ports(packet) && m.ports->contains(*packet.translated_from)));
            },
            [&](const match::ArpTarget&) { return false; },  // A PacketView is never ARP.
            [&](const match::EtherType&) { return false; },
            [&](const match::VlanId&) { return false; },
            [&](const match::SpanningTree&) { return false; },
            [&](const match::LaterFragment& m) {
                return packet.later_fragment && packet.source.family == m.family;
            },
            [&](const match::HopLimit& m) { return packet.hop_limit == m.value; },
            [&](const match::TcpNotOpening&) {
                return !packet.later_fragment && !packet.tcp_opening;
            },
            [&](const match::TcpFlags& m) {
                return packet.protocol == proto::kTcp && !packet.later_fragment &&
                       (flags_of(packet) & m.flags) == m.flags;
            },
            [&](const match::Mark& m) { return ((packet.mark & m.mask) == m.value) != m.negated; },
            [&](const match::User& m) { return packet.uid == m.uid; },
            [&](const match::Group& m) { return packet.gid == m.gid; },
            [&](const match::HasUser&) { return packet.uid.has_value(); },
            [&](const match::Cgroup& m) { return in_cgroup(m, packet); },
            [&](const match::Carried& m) { return (packet.carried & bits(m.what)) != 0; },
            [&](const match::ToEncrypt&) { return packet.to_encrypt; },
            [&](const match::Decrypted&) { return packet.decrypted; },
            [&](const match::InSet& m) { return in_set(ruleset, m, packet); },
        },
        match);
}

/// One walk through the chains, as nft_do_chain() does it.
class Walk {
  public:
    Walk(const Ruleset& ruleset, const PacketView& packet) : ruleset_(ruleset), packet_(packet) {}

    /// \return whether a rule of `chain`, or of a chain that it jumps to, decided.
    bool through(const Chain& chain) {
        for (std::size_t i = 0; i < chain.rules.size(); ++i) {
            const Rule& rule = chain.rules[i];
            const bool hit =
                std::ranges::all_of(
                    rule.matches, [&](const Match& m) { return matches(ruleset_, m, packet_); }) &&
                !(rule.remember && packet_.later_fragment);  // Has no ports to be remembered by.
            if (!hit) {
                continue;
            }
            result.carried |= bits(rule.carry);
            result.learned = result.learned || rule.learn.has_value();
            if (!rule.counter.empty()) {
                result.counter = rule.counter;
                result.counted_in = chain.name;
                result.counted_at = i;
            }
            if (!rule.comment.empty()) {
                result.comment = rule.comment;
            }
            if (rule.verdict == Verdict::next) {
                continue;
            }
            if (rule.verdict != Verdict::jump) {
                result.verdict = rule.verdict;
                result.chain = chain.name;
                result.rule = i;
                return true;
            }
            const auto target = std::ranges::find(ruleset_.chains, rule.target, &Chain::name);
            if (target != ruleset_.chains.end() && through(*target)) {
                return true;
            }
        }
        return false;
    }

    Evaluation result;

  private:
    const Ruleset& ruleset_;
    const PacketView& packet_;
};

}  // namespace

Evaluation evaluate(const Ruleset& ruleset, const PacketView& packet) {
    for (const Chain& chain : ruleset.chains) {
        const bool elsewhere =
            chain.device && !at_every_device(chain) && chain.device->name != packet.out_interface;
        if (chain.hook != packet.hook || elsewhere) {
            continue;
        }
        Walk walk(ruleset, packet);
        if (!walk.through(chain)) {
            walk.result = {Verdict::drop, chain.name, chain.rules.size(), {}, "policy drop"};
        }
        return walk.result;
    }
    return {Verdict::accept, {}, 0, {}, "no chain at this hook"};
}

Evaluation follow(const Ruleset& ruleset, PacketView packet) {
    Evaluation first = evaluate(ruleset, packet);
    const bool leaves = packet.hook == Hook::output || packet.hook == Hook::forward;
    if (first.verdict != Verdict::accept || !leaves) {
        return first;
    }
    if (packet.hook == Hook::forward) {
        --packet.hop_limit;
    }
    packet.hook = Hook::postrouting;
    packet.carried = first.carried;
    Evaluation last = evaluate(ruleset, packet);
    last.learned = first.learned;
    return last.verdict == Verdict::accept ? first : last;
}

}  // namespace ks
