// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"
#include "policies.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace ks;
using namespace ks::test;

namespace {

using Far = match::InSet::Far;
using Edit = std::function<void(PacketView&)>;

Rule rule(std::vector<Match> matches, Verdict verdict, std::string target = {}) {
    return {std::move(matches), {}, verdict, std::move(target), {}};
}

const std::vector<Set> kSets{
    {"hosts", {IpFamily::v4, SetKey::Of::address}, {{address("192.0.2.1"), 0, 0}}},
    {"servers", {IpFamily::v4, SetKey::Of::endpoint}, {udp("192.0.2.1", 1194)}},
    {"networks",
     {IpFamily::v4, SetKey::Of::network, 24},
     {},
     {{{}, *Prefix::parse("192.0.2.0/24")}}},
    {"links", {IpFamily::v4, SetKey::Of::interface}, {}, {{"eth0", {}}}},
    {"places",
     {IpFamily::v4, SetKey::Of::link_network, 24},
     {},
     {{"eth0", *Prefix::parse("192.0.2.0/24")}}},
};

/// What a single rule with these matches takes.
bool takes(const std::vector<Match>& matches, const PacketView& packet) {
    const Ruleset rules{{}, kSets, {{"output", Hook::output, {rule(matches, Verdict::accept)}}}};
    return accepted(rules, packet);
}

/// From 198.51.100.1:1195 to 192.0.2.1:1194, by eth0; everything that can be set differs from its
/// default.
PacketView full_packet() {
    PacketView packet;
    packet.in_interface = "eth1";
    packet.out_interface = "eth0";
    packet.source = address("198.51.100.1");
    packet.destination = address("192.0.2.1");
    packet.source_port = 1195;
    packet.destination_port = 1194;
    packet.icmp_type = 3;
    packet.icmp_code = 4;
    packet.inner_destination = address("203.0.113.1");
    packet.ct_established = true;
    packet.ct_reply = true;
    packet.translated_from = 443;
    packet.known_flow = true;
    packet.hop_limit = 255;
    packet.mark = 0x1ca6c;
    packet.uid = 1000;
    packet.gid = 1001;
    packet.cgroups = {11, 42};
    packet.to_encrypt = true;
    packet.decrypted = true;
    return packet;
}

match::InSet to_set(SetKey::Of of, const char* name, std::uint8_t length = 0) {
    return {Far::destination, {IpFamily::v4, of, length}, name};
}

PacketView turned_around(PacketView packet) {
    std::swap(packet.source, packet.destination);
    std::swap(packet.source_port, packet.destination_port);
    std::swap(packet.in_interface, packet.out_interface);
    return packet;
}

const Edit kLater = [](PacketView& p) { p.later_fragment = true; };
const Edit kIpv6 = [](PacketView& p) { p.source = p.destination = address("2001:db8::1"); };
const Edit kIcmp = [](PacketView& p) { p.protocol = proto::kIcmp; };

}  // namespace

TEST_CASE("a match takes what it names, and no neighbour of it", "[evaluate]") {
    struct Row {
        Match match;
        std::vector<Edit> neighbours;
    };
    const std::vector<Row> rows{
        {match::InInterface{"eth1"}, {[](PacketView& p) { p.in_interface = "eth10"; }}},
        {match::InInterface{"eth0", true}, {[](PacketView& p) { p.in_interface = "eth0"; }}},
        {match::OutInterface{"eth0"}, {[](PacketView& p) { p.out_interface = "eth1"; }}},
        {match::OutInterface{"e*"}, {[](PacketView& p) { p.out_interface = "wlan0"; }}},
        {match::OutInterface{"eth1", true}, {[](PacketView& p) { p.out_interface = "eth1"; }}},
        {match::Family{IpFamily::v4}, {kIpv6}},
        {match::Source{*Prefix::parse("198.51.100.0/24")},
         {[](PacketView& p) { p.source = address("198.51.101.1"); }}},
        {match::Destination{*Prefix::parse("192.0.2.0/24")},
         {[](PacketView& p) { p.destination = address("192.0.3.1"); }}},
        {match::Protocol{proto::kUdp}, {[](PacketView& p) { p.protocol = proto::kTcp; }}},
        {match::SourcePort{{1195, 1195}},
         {[](PacketView& p) { p.source_port = 1194; }, kLater, kIcmp}},
        {match::DestinationPort{{1194, 1194}},
         {[](PacketView& p) { p.destination_port = 1195; }, kLater, kIcmp}},
        {match::IcmpType{3}, {[](PacketView& p) { p.icmp_type = 4; }, kLater}},
        {match::IcmpCode{4}, {[](PacketView& p) { p.icmp_code = 3; }, kLater}},
        {match::InnerDestination{address("203.0.113.1")},
         {[](PacketView& p) { p.inner_destination = address("203.0.113.2"); },
          [](PacketView& p) { p.inner_destination.reset(); }}},
        {match::CtEstablished{}, {[](PacketView& p) { p.ct_established = false; }}},
        {match::CtReply{}, {[](PacketView& p) { p.ct_reply = false; }}},
        {match::Translated{},  //
         {[](PacketView& p) { p.translated_from.reset(); }}},
        {match::Translated{PortRange{443, 443}},
         {[](PacketView& p) { p.translated_from = 444; },
          [](PacketView& p) { p.later_fragment = true; }}},
        {match::HopLimit{255}, {[](PacketView& p) { p.hop_limit = 254; }}},
        {match::TcpNotOpening{}, {[](PacketView& p) { p.tcp_opening = true; }, kLater}},
        {match::Mark{0xca6c, 0xffff}, {[](PacketView& p) { p.mark = 0x1ca6d; }}},
        {match::User{1000},
         {[](PacketView& p) { p.uid = 0; }, [](PacketView& p) { p.uid.reset(); }}},
        {match::Group{1001},
         {[](PacketView& p) { p.gid = 0; }, [](PacketView& p) { p.gid.reset(); }}},
        {match::Cgroup{"a/b", 42},
         {[](PacketView& p) { p.cgroups = {42}; },
          [](PacketView& p) {
              p.cgroups = {42, 11};
          },
          [](PacketView& p) { p.cgroups.clear(); }}},
        {match::ToEncrypt{}, {[](PacketView& p) { p.to_encrypt = false; }}},
        {match::Decrypted{}, {[](PacketView& p) { p.decrypted = false; }}},
        {to_set(SetKey::Of::address, "hosts"),
         {[](PacketView& p) { p.destination = address("192.0.2.2"); }, kIpv6}},
        {to_set(SetKey::Of::endpoint, "servers"),
         {[](PacketView& p) { p.destination = address("192.0.2.2"); },
          [](PacketView& p) { p.destination_port = 1195; },
          [](PacketView& p) { p.protocol = proto::kTcp; }, kLater, kIpv6}},
        {to_set(SetKey::Of::network, "networks", 24),
         {[](PacketView& p) { p.destination = address("192.0.3.1"); }, kIpv6}},
        {to_set(SetKey::Of::interface, "links"), {[](PacketView& p) { p.out_interface = "eth1"; }}},
        {to_set(SetKey::Of::link_network, "places", 24),
         {[](PacketView& p) { p.destination = address("192.0.3.1"); },
          [](PacketView& p) { p.out_interface = "eth1"; }, kIpv6}},
    };
    for (const Row& row : rows) {
        INFO("match " << row.match.index());
        CHECK(takes({row.match}, full_packet()));
        for (const Edit& edit : row.neighbours) {
            PacketView packet = full_packet();
            edit(packet);
            CHECK_FALSE(takes({row.match}, packet));
        }
        if (const auto* const set = std::get_if<match::InSet>(&row.match)) {
            match::InSet from = *set;
            from.far = Far::source;
            CHECK_FALSE(takes({from}, full_packet()));
            CHECK(takes({from}, turned_around(full_packet())));
            from.set = "none";
            CHECK_FALSE(takes({from}, turned_around(full_packet())));
        }
    }
}

TEST_CASE("a later fragment is known by its family, and loopback by its name", "[evaluate]") {
    PacketView packet = full_packet();
    CHECK_FALSE(takes({match::LaterFragment{IpFamily::v4}}, packet));
    packet.later_fragment = true;
    CHECK(takes({match::LaterFragment{IpFamily::v4}}, packet));
    CHECK_FALSE(takes({match::LaterFragment{IpFamily::v6}}, packet));
    CHECK_FALSE(takes({match::InLoopback{}}, packet));
    CHECK_FALSE(takes({match::OutLoopback{}}, packet));
    packet.in_interface = packet.out_interface = "lo";
    CHECK(takes({match::InLoopback{}}, packet));
    CHECK(takes({match::OutLoopback{}}, packet));
    CHECK_FALSE(takes({match::ArpTarget{packet.destination}}, packet));
    CHECK_FALSE(takes({match::EtherType{0x0800}}, packet));
    CHECK_FALSE(takes({match::VlanId{5}}, packet));
    CHECK_FALSE(takes({match::SpanningTree{}}, packet));
}

TEST_CASE("a flow is one that a rule has learned", "[evaluate]") {
    const match::InSet flows = to_set(SetKey::Of::answer, "flows");
    Ruleset rules{{},
                  {{"flows", flows.key, {}}},
                  {{"output", Hook::output, {rule({}, Verdict::accept)}},
                   {"input", Hook::input, {rule({flows}, Verdict::accept)}}}};
    CHECK_FALSE(evaluate(rules, full_packet()).learned);
    rules.chains[0].rules[0].learn = flows;
    CHECK(follow(rules, full_packet()).learned);

    PacketView answer = turned_around(full_packet());
    answer.hook = Hook::input;
    CHECK(accepted(rules, answer));
    for (const Edit& edit : {Edit([](PacketView& p) { p.known_flow = false; }), kLater, kIpv6}) {
        PacketView other = answer;
        edit(other);
        CHECK_FALSE(accepted(rules, other));
    }
}

TEST_CASE("every match of a rule has to fit", "[evaluate]") {
    CHECK(takes({}, full_packet()));
    CHECK(takes({match::User{1000}, match::Group{1001}}, full_packet()));
    CHECK_FALSE(takes({match::User{1000}, match::Group{1000}}, full_packet()));
}

TEST_CASE("a packet walks from rule to rule, into chains and back", "[evaluate]") {
    Rule counted = rule({match::User{0}}, Verdict::drop);
    counted.counter = "uplink";
    const Ruleset rules{
        {},
        {},
        {{"input", Hook::input, {rule({}, Verdict::accept)}},
         {"output",
          Hook::output,
          {rule({match::User{1}}, Verdict::jump, "inner"),
           rule({match::User{2}}, Verdict::jump, "gone"),
           counted,
           {{match::User{1}}, {}, Verdict::accept, {}, "behind the jump"}}},
         {"inner", std::nullopt, {{{match::Group{1}}, "dns", Verdict::reject, {}, "inside"}}}}};
    PacketView packet = full_packet();
    packet.uid = 1;
    const Evaluation back = evaluate(rules, packet);
    CHECK(back.verdict == Verdict::accept);
    CHECK(back.chain == "output");
    CHECK(back.rule == 3);
    CHECK(back.counter.empty());
    CHECK(back.comment == "behind the jump");

    packet.gid = 1;
    const Evaluation inside = evaluate(rules, packet);
    CHECK(inside.verdict == Verdict::reject);
    CHECK(inside.chain == "inner");
    CHECK(inside.rule == 0);
    CHECK(inside.counter == "dns");
    CHECK(inside.comment == "inside");

    packet.uid = 0;
    CHECK(evaluate(rules, packet).counter == "uplink");
    for (const std::uint32_t uid : {2U, 3U}) {
        packet.uid = uid;
        const Evaluation none = evaluate(rules, packet);
        CHECK(none.verdict == Verdict::drop);
        CHECK(none.chain == "output");
        CHECK(none.rule == 4);
        CHECK(none.comment == "policy drop");
    }
    packet.hook = Hook::input;
    CHECK(evaluate(rules, packet).chain == "input");
    packet.hook = Hook::forward;
    CHECK(evaluate(rules, packet).verdict == Verdict::accept);
    CHECK(evaluate(rules, packet).comment == "no chain at this hook");
    CHECK(evaluate(rules, packet).rule == 0);
}

TEST_CASE("a chain of a device sees the packets of that device alone", "[evaluate]") {
    const Chain first{"egress_eth1", Hook::egress, {}, Device{"eth1", 3}};
    const Chain second{"egress_eth0", Hook::egress, {rule({}, Verdict::accept)}, Device{"eth0", 2}};
    PacketView packet = full_packet();
    packet.hook = Hook::egress;

    CHECK(evaluate({{}, {}, {first, second}}, packet).chain == "egress_eth0");
    CHECK(evaluate({{}, {}, {first}}, packet).comment == "no chain at this hook");
    packet.out_interface = "eth1";
    CHECK(evaluate({{}, {}, {first, second}}, packet).comment == "policy drop");
}
