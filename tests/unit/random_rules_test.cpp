// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/tunnels.hpp"
#include "random_packet.hpp"
#include "random_policy.hpp"
#include "reference.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;

namespace {

const CgroupIds kCgroups{{"a.slice", 17}, {"a.slice/b.service", 18}};
const std::vector<Sender> kSenders{{0, 0, {}},      {1000, 1000, {17, 18}}, {1001, 1000, {17, 19}},
                                   {0, 1001, {18}}, {1000, 0, {16, 18}},    {1001, 1001, {17}}};
constexpr int kWorlds = 150;
constexpr int kPackets = 150;

struct World {
    Policy policy;
    Situation situation;
    Ruleset rules;
};

std::optional<World> random_world(Dice& dice) {
    const Policy policy = random_policy(dice, kCgroups);
    const Situation situation = random_situation(dice, policy, kCgroups);
    auto rules = compile(policy, situation);
    return rules ? std::optional(World{policy, situation, *std::move(rules)}) : std::nullopt;
}

/// Packets near the rules, and with what no single packet tells.
PacketView random_packet(Dice& dice, PacketMaker& maker) {
    PacketView packet = maker.make();
    packet.ct_established = dice.chance(30);
    packet.ct_reply = packet.ct_established && dice.chance(60);
    if (packet.hook == Hook::output && dice.chance(40)) {
        packet.hook = Hook::postrouting;
        packet.carried =
            dice.pick(std::vector<std::uint32_t>{0, 0x40000000, 0x80000000, 0xc0000000});
        packet.out_kind = dice.chance(10) ? "dummy" : packet.out_kind;
    }
    packet.in_kind = dice.chance(10) ? "dummy" : packet.in_kind;
    packet.in_group = dice.chance(10) ? 1 : packet.in_group;
    packet.out_group = dice.chance(10) ? 1 : packet.out_group;
    packet.to_encrypt = packet.hook != Hook::input && dice.chance(5);
    packet.decrypted =
        (packet.hook == Hook::input || packet.hook == Hook::forward) && dice.chance(5);
    packet.later_fragment = dice.chance(5);
    packet.known_flow = packet.protocol == proto::kUdp && dice.chance(40);
    const bool forwarded = packet.hook == Hook::forward || packet.hook == Hook::postrouting;
    if (forwarded && dice.chance(30)) {
        packet.translated_from = random_port(dice);
    }
    packet.remembered = dice.chance(30);
    if (packet.uid && dice.chance(15)) {  // Its socket is closed.
        packet.uid.reset();
        packet.gid.reset();
        packet.tcp_flags = dice.pick(std::vector<std::uint8_t>{0x10, 0x04, 0x14, 0x12, 0x11});
    }
    return packet;
}

std::string text(const PacketView& p) {
    return fmt::format(
        "hook {} from {} ({}) {} {} to {} ({}) {} {} carried {:x} protocol {} icmp {}/{} {} {} {} mark {:x} uid {} "
        "encrypt {} decrypted {} fragment {} hops {}",
        word(p.hook), p.in_interface, p.in_kind, p.source.str(), p.source_port, p.out_interface,
        p.out_kind, p.destination.str(), p.destination_port, p.carried, p.protocol, p.icmp_type,
        p.icmp_code, p.ct_established ? "established" : "new", p.ct_reply ? "reply" : "original",
        p.tcp_opening ? "opening" : "-", p.mark, p.uid.value_or(99999), p.to_encrypt, p.decrypted,
        p.later_fragment, p.hop_limit);
}

/// What the matches before one have said of the packet, as the kernel must know it.
struct Known {
    std::optional<IpFamily> family;
    std::optional<std::uint8_t> protocol;
    bool icmp_type = false;
};

bool is_icmp(const Known& known) {
    return known.protocol == (known.family == IpFamily::v4 ? proto::kIcmp : proto::kIcmpv6);
}

/// What comes back by the tunnel. Connection tracking knows it, where a rule asks.
PacketView answer_by(const LiveTunnel& tunnel, const PacketView& sent, bool known) {
    PacketView answer = sent;
    answer.hook = Hook::input;
    answer.out_interface.clear();
    answer.out_kind.clear();
    answer.in_interface = tunnel.interface;
    answer.in_kind = tunnel.kind;
    answer.in_group = tunnel.group.value_or(0);
    std::swap(answer.source, answer.destination);
    std::swap(answer.source_port, answer.destination_port);
    answer.known_flow = known;
    answer.later_fragment = false;  // Here it is whole again.
    answer.ct_established = true;
    answer.ct_reply = true;
    answer.decrypted = sent.to_encrypt;
    return answer;
}

/// Whether a match stands where ruleset.hpp allows it; adds what it says.
bool in_place(const TablePart& part, const Match& match, Known& known) {
    const bool has_ports = known.protocol == proto::kTcp || known.protocol == proto::kUdp;
    const auto host = [&](const IpAddress& address) { return known.family == address.family; };
    return std::visit(
        Overloaded{
            [&](const match::Family& m) {
                known.family = m.family;
                return true;
            },
            [&](const match::Protocol& m) {
                known.protocol = m.number;
                return true;
            },
            [&](const match::Source& m) { return host(m.prefix.address) && m.prefix.length > 0; },
            [&](const match::Destination& m) {
                return host(m.prefix.address) && m.prefix.length > 0;
            },
            [&](const match::SourcePort&) { return has_ports; },
            [&](const match::DestinationPort&) { return has_ports; },
            [&](const match::TcpNotOpening&) { return known.protocol == proto::kTcp; },
            [&](const match::TcpFlags&) { return known.protocol == proto::kTcp; },
            [&](const match::IcmpType&) { return known.icmp_type = is_icmp(known); },
            [&](const match::IcmpCode&) { return known.icmp_type; },
            [&](const match::InnerDestination& m) { return known.icmp_type && host(m.address); },
            [&](const match::HopLimit&) { return known.family == IpFamily::v6; },
            [&](const match::LaterFragment& m) { return known.family == m.family; },
            [&](const match::InSet& m) {
                const auto set = std::ranges::find(part.sets, m.set, &Set::name);
                return set != part.sets.end() && (*set)->key == m.key &&
                       (!has_family(m.key) || known.family == m.key.family) &&
                       (m.key.of != SetKey::Of::flow || known.protocol == proto::kTcp) &&
                       (m.key.of != SetKey::Of::answer || known.protocol == proto::kUdp);
            },
            [](const match::InInterface&) { return true; },
            [](const match::OutInterface&) { return true; },
            [](const match::InKind&) { return true; },
            [](const match::OutKind&) { return true; },
            [](const match::InGroup&) { return true; },
            [](const match::OutGroup&) { return true; },
            [](const match::InLoopback&) { return true; },
            [](const match::OutLoopback&) { return true; },
            [](const match::CtEstablished&) { return true; },
            [](const match::CtReply&) { return true; },
            [&](const match::Translated& m) { return !m.ports || has_ports; },
            [](const match::ArpTarget&) { return true; },
            [](const match::EtherType&) { return true; },
            [](const match::VlanId&) { return true; },
            [](const match::SpanningTree&) { return true; },
            [](const match::Mark&) { return true; },
            [](const match::User&) { return true; },
            [](const match::Group&) { return true; },
            [](const match::HasUser&) { return true; },
            [](const match::Cgroup&) { return true; },
            [](const match::Carried&) { return true; },
            [](const match::ToEncrypt&) { return true; },
            [](const match::Decrypted&) { return true; },
        },
        match);
}

template <class T>
bool sorted_and_unique(const std::vector<T>& all) {
    return std::ranges::is_sorted(all) && std::ranges::adjacent_find(all) == all.end();
}

bool well_formed(const Set& set) {
    const SetKey& key = set.key;
    if (key.of == SetKey::Of::answer) {
        return set.elements.empty() && set.networks.empty();
    }
    const bool of_addresses = key.of == SetKey::Of::address || key.of == SetKey::Of::endpoint;
    if (key.of == SetKey::Of::flow) {
        return set.elements.empty() && set.networks.empty();
    }
    if (key.of == SetKey::Of::packet_type) {
        return set.elements.empty() && set.networks.empty() && set.timed.size() == kPacketTypes;
    }
    if (key.of == SetKey::Of::user) {
        return set.elements.empty() && set.networks.empty() && !set.timed.empty();
    }
    return sorted_and_unique(set.elements) && sorted_and_unique(set.networks) &&
           set.elements.empty() != of_addresses && set.networks.empty() == of_addresses &&
           std::ranges::all_of(set.elements,
                               [&](const Endpoint& one) {
                                   return one.address.family == key.family &&
                                          (key.of == SetKey::Of::endpoint ||
                                           one == Endpoint{one.address, 0, 0});
                               }) &&
           std::ranges::all_of(set.networks, [&](const LinkNetwork& one) {
               const bool named = key.of != SetKey::Of::network;
               const bool placed = key.of != SetKey::Of::interface;
               return one.interface.empty() != named &&
                      (placed ? one.network.address.family == key.family &&
                                    one.network.length == key.length && key.length > 0
                              : one.network == Prefix{});
           });
}

}  // namespace

TEST_CASE("what passes is what the manual lets pass", "[random][fail-closed]") {
    Dice dice(20261121);
    std::size_t accepted = 0;
    std::size_t refused = 0;
    for (int i = 0; i < kWorlds; ++i) {
        const auto world = random_world(dice);
        if (!world) {
            continue;
        }
        PacketMaker maker(dice, world->rules, kSenders);
        for (int j = 0; j < kPackets; ++j) {
            const PacketView packet = random_packet(dice, maker);
            const bool passes = evaluate(world->rules, packet).verdict == Verdict::accept;
            (passes ? accepted : refused) += 1;
            if (passes != may_pass(world->policy, world->situation, packet)) {
                FAIL((passes ? "passes: " : "is refused: ") << text(packet) << "\n"
                                                            << render_text(world->rules));
            }
        }
    }
    CHECK(accepted > 2000);
    CHECK(refused > 2000);
}

TEST_CASE("the answer to whatever UDP may go into a tunnel may enter", "[random][inbound]") {
    Dice dice(20261130);
    std::size_t remembered = 0;
    for (int i = 0; i < kWorlds; ++i) {
        const auto world = random_world(dice);
        if (!world) {
            continue;
        }
        PacketMaker maker(dice, world->rules, kSenders);
        for (int j = 0; j < kPackets; ++j) {
            PacketView packet = random_packet(dice, maker);
            packet.hook = Hook::output;
            const auto live = std::ranges::find(world->situation.tunnels_up, packet.out_interface,
                                                &LiveTunnel::interface);
            if (live == world->situation.tunnels_up.end() || packet.protocol != proto::kUdp) {
                continue;
            }
            const Evaluation evaluation = follow(world->rules, packet);
            if (evaluation.verdict == Verdict::accept) {
                const PacketView answer = answer_by(*live, packet, evaluation.learned);
                INFO(text(packet) << "\n" << text(answer) << "\n" << render_text(world->rules));
                REQUIRE(evaluate(world->rules, answer).verdict == Verdict::accept);
                remembered += evaluation.learned ? 1 : 0;
            }
        }
    }
    CHECK(remembered > 100);
}

TEST_CASE("every table is one that the kernel can be given", "[random]") {
    Dice dice(20261121);
    for (int i = 0; i < kWorlds; ++i) {
        const auto world = random_world(dice);
        if (!world) {
            continue;
        }
        INFO(render_text(world->rules));
        for (const Set& set : world->rules.sets) {
            INFO(set.name);
            CHECK(well_formed(set));
            CHECK(std::ranges::count(world->rules.sets, set.name, &Set::name) == 1);
        }
        for (const TableFamily family : kFamilies) {
            const TablePart part = part_of(world->rules, family);
            for (const Chain* const chain : part.chains) {
                CHECK(std::ranges::count(part.chains, chain->name, &Chain::name) == 1);
                for (const Rule& rule : chain->rules) {
                    INFO(chain->name << ": " << render_text(rule, family));
                    Known known;
                    CHECK(std::ranges::all_of(rule.matches, [&](const Match& match) {
                        return in_place(part, match, known);
                    }));
                    CHECK(rule.comment.size() <= 127);
                    CHECK((rule.verdict == Verdict::jump) != rule.target.empty());
                    CHECK((rule.target.empty() ||
                           std::ranges::count(part.chains, rule.target, &Chain::name) == 1));
                    CHECK((rule.counter.empty() ||
                           std::ranges::count(part.counters, rule.counter) == 1));
                }
            }
        }
    }
}
