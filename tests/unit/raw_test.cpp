// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/intents.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/step.hpp"
#include "killswitchd/surroundings.hpp"
#include "policies.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;

namespace {

const Uplink kEth0{"eth0", 2, {"br0", "br1"}};

Situation locked_at(std::vector<Uplink> uplinks) {
    Situation situation = situation_of(wireguard_policy(), StateName::locked);
    situation.around.uplinks = std::move(uplinks);
    return situation;
}

PacketView at_device(PacketView packet) {
    packet.hook = Hook::egress;
    packet.out_interface = kEth0.name;
    return packet;
}

/// What the device sees of a packet: by then its socket may be closed.
PacketView later(PacketView packet) {
    packet = at_device(std::move(packet));
    packet.uid.reset();
    packet.gid.reset();
    packet.cgroups.clear();
    packet.ct_established = false;
    packet.ct_reply = false;
    return packet;
}

std::vector<std::string> names(const std::vector<Uplink>& uplinks) {
    std::vector<std::string> all;
    for (const Uplink& uplink : uplinks) {
        all.push_back(uplink.name);
    }
    return all;
}

class Dice {
  public:
    explicit Dice(std::uint32_t seed) : engine_(seed) {}
    template <class T>
    T pick(std::vector<T> all) {
        return all[engine_() % all.size()];
    }
    bool coin() { return engine_() % 2 == 0; }

  private:
    std::mt19937 engine_;
};

const std::vector<std::uint16_t> kPorts{53,   67,    68,    443,   853,   1900,
                                        5353, 51820, 51821, 51822, 51823, 40000};
const std::vector<std::uint8_t> kProtocols{proto::kUdp, proto::kTcp, proto::kIcmp, proto::kIcmpv6,
                                           50};

IpAddress random_address(Dice& dice, IpFamily family) {
    return family == IpFamily::v4
               ? address(dice.pick<const char*>({"203.0.113.7", "203.0.113.8", "192.168.1.1",
                                                 "192.168.2.1", "10.1.1.1", "224.0.0.251",
                                                 "198.51.100.9", "192.0.2.5"}))
               : address(dice.pick<const char*>(
                     {"2001:db8::7", "fe80::1", "fd00::1", "ff02::1", "2001:db8:1::1"}));
}

AllowRule random_exception(Dice& dice, bool outbound) {
    AllowRule exception;
    if (dice.coin()) {
        exception.far = Prefix::parse(dice.pick<const char*>({"192.0.2.0/24", "2001:db8:1::/48"}));
    }
    if (dice.coin()) {
        exception.ports = {{{443, 443}, dice.pick<std::uint8_t>({proto::kTcp, proto::kUdp})}};
    }
    if (outbound && dice.coin()) {
        exception.user = 1000;
    }
    if (outbound && dice.coin()) {
        exception.group = 1000;
    }
    if (outbound && dice.coin()) {
        exception.cgroup = "web.slice";
    }
    if (dice.coin()) {
        exception.interface = dice.pick<std::string>({"eth0", "br0", "eth1", "br*"});
    }
    return exception;
}

Policy random_policy(Dice& dice) {
    Policy policy = wireguard_policy();
    Tunnel& tunnel = policy.tunnels.front();
    tunnel.only = {};
    if (dice.coin()) {
        tunnel.only.fwmark = MarkMatch{0xca6c};
    }
    if (dice.coin()) {
        tunnel.only.user = 1000;
    }
    tunnel.endpoints.clear();
    for (const char* const host : {"203.0.113.7", "203.0.113.8", "2001:db8::7"}) {
        for (std::uint16_t port = 51820; port < 51824; ++port) {
            if (dice.coin()) {
                tunnel.endpoints.push_back(
                    {address(host), dice.pick<std::uint8_t>({proto::kUdp, proto::kTcp}), port});
            }
        }
    }
    tunnel.endpoints.push_back({address("203.0.113.8"), 50, 0});
    policy.ipv6 = dice.pick<Ipv6>({Ipv6::block, Ipv6::tunnel});
    policy.lan.dns = dice.coin();
    policy.outbound = {random_exception(dice, true), random_exception(dice, true)};
    policy.inbound = {random_exception(dice, false)};
    return policy;
}

template <class T>
void sort_unique(std::vector<T>& all) {
    std::ranges::sort(all);
    const auto repeated = std::unique(all.begin(), all.end());
    all.erase(repeated, all.end());
}

Situation random_situation(Dice& dice, const Policy& policy) {
    Situation situation = locked_at({kEth0});
    situation.endpoints = known_endpoints(policy);
    situation.cgroups = {{"web.slice", 42}};
    if (dice.coin()) {
        situation.state = StateName::protected_;
        situation.tunnels_up = {{"wg0", {}}};
    }
    // Of the same network by both devices, too; more than five make a set.
    for (const char* const network : {"192.168.1.0/24", "192.168.2.0/24", "10.0.0.0/8",
                                      "172.16.0.0/12", "fe80::/64", "fd00::/64"}) {
        for (const char* const device : {"br0", "eth0", "eth1"}) {
            if (dice.coin()) {
                situation.around.lan.push_back({device, *Prefix::parse(network)});
                situation.around.neighbours.push_back({device, *Prefix::parse("2001:db8:1::/64")});
            }
        }
    }
    sort_unique(situation.around.lan);
    sort_unique(situation.around.neighbours);
    return situation;
}

/// Whether `output` lets out some packet that looks like this one at the device.
bool may_be_accepted(const Ruleset& ruleset, PacketView packet) {
    packet.uid = packet.gid = 1000;  // No rule refuses what somebody sends.
    packet.cgroups = {42};
    for (const char* const out : {"eth0", "br0"}) {
        for (const bool answer : {false, true}) {
            packet.out_interface = out;
            packet.ct_reply = packet.ct_established = answer;
            if (accepted(ruleset, packet)) {
                return true;
            }
        }
    }
    return false;
}

/// Many endpoints are one set of hosts to a fragment.
bool in_set_of_hosts(const Ruleset& ruleset, const IpAddress& host) {
    return std::ranges::any_of(ruleset.sets, [&](const Set& set) {
        return set.key.of == SetKey::Of::address &&
               std::ranges::count(set.elements, host, &Endpoint::address) > 0;
    });
}

/// The same for a fragment, of which the device does not know the ports.
bool may_be_part_of_accepted(const Ruleset& ruleset, PacketView packet) {
    packet.tcp_opening = false;
    const auto fits = [&](std::uint16_t& port) {
        const std::uint16_t before = port;
        const bool found = std::ranges::any_of(kPorts, [&](std::uint16_t one) {
            port = one;
            return may_be_accepted(ruleset, packet);
        });
        port = before;
        return found;
    };
    std::vector<std::uint8_t> protocols{packet.protocol};
    if (in_set_of_hosts(ruleset, packet.destination)) {
        protocols = {proto::kUdp, proto::kTcp};
    }
    return std::ranges::any_of(protocols, [&](std::uint8_t protocol) {
        packet.protocol = protocol;
        return fits(packet.source_port) || fits(packet.destination_port);
    });
}

std::string text(const PacketView& packet) {
    return fmt::format("{} to {} protocol {} port {} to {}", packet.out_interface,
                       packet.destination.str(), packet.protocol, packet.source_port,
                       packet.destination_port);
}

PacketView random_packet(Dice& dice) {
    PacketView packet;
    const auto family = dice.pick<IpFamily>({IpFamily::v4, IpFamily::v6});
    packet.out_interface = dice.pick<std::string>({"eth0", "br0"});
    packet.source = random_address(dice, family);
    packet.destination = random_address(dice, family);
    packet.protocol = dice.pick(kProtocols);
    packet.source_port = dice.pick(kPorts);
    packet.destination_port = dice.pick(kPorts);
    packet.icmp_type = dice.pick<std::uint8_t>({133, 135, 136, 8});
    packet.hop_limit = dice.pick<std::uint8_t>({255, 64});
    packet.tcp_opening = dice.coin();
    packet.ct_reply = dice.coin();
    packet.ct_established = packet.ct_reply;
    packet.mark = dice.pick<std::uint32_t>({0, 0xca6c});
    packet.uid = dice.pick<std::uint32_t>({0, 1000});
    packet.gid = dice.pick<std::uint32_t>({0, 1000});
    packet.cgroups = dice.pick<std::vector<std::uint64_t>>({{}, {42}});
    return packet;
}

}  // namespace

TEST_CASE("a device lets out what output may have accepted towards it, and that whole", "[raw]") {
    Dice dice(20261121);
    std::size_t accepted = 0;
    std::size_t refused = 0;

    for (int world = 0; world < 200; ++world) {
        const Policy policy = random_policy(dice);
        const Ruleset ruleset = *compile(policy, random_situation(dice, policy));
        for (int i = 0; i < 40; ++i) {
            const PacketView packet = random_packet(dice);
            const bool passes = test::accepted(ruleset, packet);
            PacketView there = later(packet);
            there.carried = evaluate(ruleset, packet).carried;
            const Evaluation first = evaluate(ruleset, there);
            accepted += passes ? 1 : 0;
            refused += first.verdict == Verdict::drop ? 1 : 0;
            if (passes && first.verdict != Verdict::accept) {
                FAIL(text(packet) << " is lost by '" << first.comment << "' of\n"
                                  << render_text(ruleset));
            }
            if (first.verdict == Verdict::accept && !may_be_accepted(ruleset, packet)) {
                FAIL(text(packet) << " leaves by '" << first.comment << "' of\n"
                                  << render_text(ruleset));
            }
            const bool fragmented = packet.protocol == proto::kUdp || packet.protocol == 50;
            const bool dhcp = packet.source_port == 68 && packet.destination_port == 67;
            there.later_fragment = true;
            const bool part = evaluate(ruleset, there).verdict == Verdict::accept;
            if (passes && fragmented && !dhcp && !part) {
                FAIL("a later fragment of " << text(packet) << " is lost in\n"
                                            << render_text(ruleset));
            }
            if (part && !may_be_part_of_accepted(ruleset, packet)) {
                FAIL("a later fragment of " << text(packet) << " leaves by\n"
                                            << render_text(ruleset));
            }
        }
    }

    CHECK(accepted > 500);
    CHECK(refused > 2000);
}

TEST_CASE("fragments of questions and answers leave a device, and no others",
          "[raw][fail-closed]") {
    Policy policy = wireguard_policy();
    AllowRule rule;
    rule.far = Prefix::parse("192.0.2.0/24");
    const std::uint8_t protocol = GENERATE(proto::kUdp, proto::kTcp);
    rule.ports = {{{5000, 5000}, protocol}};
    const bool outbound = GENERATE(true, false);
    (outbound ? policy.outbound : policy.inbound) = {rule};
    const Ruleset rules = *compile(policy, locked_at({kEth0}));
    PacketView packet = at_device(web_by("eth0"));
    packet.protocol = protocol;
    packet.tcp_opening = false;
    packet.destination = address("192.0.2.5");
    (outbound ? packet.destination_port : packet.source_port) = 5000;
    REQUIRE(accepted(rules, packet));
    packet.later_fragment = true;
    REQUIRE(accepted(rules, packet));

    SECTION("to somebody else") {
        packet.destination = address("192.0.3.5");
    }
    SECTION("of another protocol") {
        packet.protocol = protocol == proto::kTcp ? proto::kUdp : proto::kTcp;
    }
    CHECK_FALSE(accepted(rules, packet));
}

TEST_CASE("a chain is called like its device, or by its number where nft takes no such name",
          "[raw]") {
    const auto chain_of = [](const char* device) {
        const Ruleset rules = *compile(wireguard_policy(), locked_at({{device, 7, {}}}));
        return std::ranges::find(rules.chains, Hook::egress, &Chain::hook)->name;
    };
    for (const std::string name : {"eth0", "a_b", "a-b", "a.7", "X"}) {
        CHECK(chain_of(name.c_str()) == "egress_" + name);
    }
    for (const char* const name : {"eth0:1", "a b", "a@b", ":"}) {
        CHECK(chain_of(name) == "egress.7");
    }
}

TEST_CASE("a device has no refusals that its last rule makes superfluous", "[raw]") {
    const Ruleset rules = *compile(wireguard_policy(), locked_at({kEth0}));
    const auto chain = std::ranges::find(rules.chains, Hook::egress, &Chain::hook);
    REQUIRE(chain != rules.chains.end());
    const auto last = std::ranges::find_if(chain->rules, [](const Rule& rule) {
        return !rule.matches.empty() &&
               std::holds_alternative<match::EtherType>(rule.matches.front());
    });
    REQUIRE(last != chain->rules.begin());

    CHECK(std::prev(last)->verdict == Verdict::accept);
    CHECK(chain->rules.back().verdict == Verdict::drop);
}

TEST_CASE("DHCPv6 leaves a device from an address of the link alone", "[raw][fail-closed]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].endpoints.push_back(udp("2001:db8::7", 51820));
    Situation situation = locked_at({kEth0});
    situation.endpoints = known_endpoints(policy);
    const Ruleset rules = *compile(policy, situation);
    PacketView request = at_device(dhcp6_request_by("eth0"));
    REQUIRE(accepted(rules, request));

    request.source = address("2001:db8::2");
    CHECK_FALSE(accepted(rules, request));
}

TEST_CASE("what no rule lets out is stopped at the device", "[raw][fail-closed]") {
    Policy open = wireguard_policy();
    open.raw = Raw::allow;
    const PacketView web = at_device(web_by("eth0"));
    REQUIRE(evaluate(*compile(open, locked_at({kEth0})), web).verdict == Verdict::accept);

    const Evaluation found = evaluate(*compile(wireguard_policy(), locked_at({kEth0})), web);

    CHECK(found.verdict == Verdict::drop);
    CHECK(found.counter == "raw");
    CHECK(found.chain == "egress_eth0");
}

TEST_CASE("the packets of a tunnel meet the first rule of a device", "[raw]") {
    PacketView outer = at_device(web_by("eth0"));
    outer.protocol = proto::kUdp;
    outer.destination = address("203.0.113.7");
    outer.destination_port = 51820;
    outer.mark = 0xca6c;

    const Evaluation found = evaluate(*compile(wireguard_policy(), locked_at({kEth0})), outer);

    CHECK(found.verdict == Verdict::accept);
    CHECK(found.rule == 0);
}

TEST_CASE("every way out is an uplink, and what leads inside is none", "[raw][roles]") {
    const LinkTable links{
        {1, {"lo", "", true, {}}},
        {2, {"eth0", "", true, {}, 0, true}},
        {3, {"wg0", "wireguard", true, {}}},
        {4, {"docker0", "bridge", true, {Prefix{address("172.17.0.1"), 16}}}},
        {5, {"veth1", "veth", true, {}, 4}},
        {6, {"eth1", "", true, {}, 7}},
        {7, {"br0", "bridge", true, {}, 0, true}},
        {8, {"tap0", "tun", true, {}, 7}},
        {9, {"ppp0", "ppp", true, {}}},
        {10, {"mv0", "macvlan", true, {}, 0, false, 2}},
    };

    const Surroundings around = surroundings(wireguard_policy(), links);

    CHECK(names(around.uplinks) == std::vector<std::string>{"br0", "eth0", "eth1", "mv0", "ppp0"});
    CHECK(around.uplinks[1].above == std::vector<std::string>{"mv0"});
    CHECK(around.uplinks[2].above == std::vector<std::string>{"br0"});
}

TEST_CASE("a virtual port that holds the default route leads outside, beside it is the guest",
          "[raw][roles][regression]") {
    LinkTable links{
        {2, {"up0", "veth", true, {}, 4}},
        {3, {"vnet1", "veth", true, {}, 4}},
        {4, {"br0", "bridge", true, {}}},
    };
    REQUIRE(names(surroundings(wireguard_policy(), links).uplinks) ==
            std::vector<std::string>{"br0"});

    links.at(2).default_route = true;

    CHECK(names(surroundings(wireguard_policy(), links).uplinks) ==
          std::vector<std::string>{"br0", "up0"});
}

TEST_CASE("a bridge of virtual ports alone that holds the default route leads outside",
          "[raw][roles]") {
    LinkTable links{
        {2, {"up0", "veth", true, {}, 4}},
        {4, {"br0", "bridge", true, {}, 0, true}},
        {5, {"tap0", "veth", true, {}, 4}},
    };
    CHECK(names(surroundings(wireguard_policy(), links).uplinks) ==
          std::vector<std::string>{"br0", "tap0", "up0"});

    links[4].default_route = false;

    CHECK(names(surroundings(wireguard_policy(), links).uplinks) ==
          std::vector<std::string>{"br0"});
}

TEST_CASE("a veth that has only given itself an address may be an uplink", "[raw][roles]") {
    LinkTable links{
        {2, {"eth0", "", true, {}, 0, true}},
        {3, {"veth0", "veth", true, {Prefix{address("10.0.0.1"), 24}}}},
    };
    REQUIRE(names(surroundings(wireguard_policy(), links).uplinks) ==
            std::vector<std::string>{"eth0"});

    links[3].addresses = {Prefix{address("fe80::1"), 64}};

    CHECK(names(surroundings(wireguard_policy(), links).uplinks) ==
          std::vector<std::string>{"eth0", "veth0"});
}

TEST_CASE("a device below a tunnel keeps its rules: what it carries is wrapped", "[raw][roles]") {
    Policy policy = wireguard_policy();
    policy.tunnels.front().interface = "gre1";
    LinkTable links{
        {2, {"eth0", "", true, {}, 0, true}},
        {3, {"gre1", "gre", true, {}, 0, false, 2}},
    };
    CHECK(names(surroundings(policy, links).uplinks) == std::vector<std::string>{"eth0"});

    links[3].kind = "vlan";  // No tunnel, whatever its name.
    CHECK(names(surroundings(policy, links).uplinks) == std::vector<std::string>{"eth0", "gre1"});
}

TEST_CASE("a device of the same name is another device", "[raw]") {
    const auto before = compile(wireguard_policy(), locked_at({{"eth0", 2, {}}}));
    const auto after = compile(wireguard_policy(), locked_at({{"eth0", 3, {}}}));

    CHECK(before != after);
    CHECK(render_text(*before) == render_text(*after));
}

TEST_CASE("panic lets nothing out at the devices but what keeps the link", "[raw][fail-closed]") {
    Intents panic;
    panic.panic = true;
    const LinkTable links{{2, {"eth0", "", true, {}, 0, true}}};
    PacketView dhcp = at_device(web_by("eth0"));
    dhcp.protocol = proto::kUdp;
    dhcp.source_port = 68;
    dhcp.destination_port = 67;
    dhcp.destination = address("192.168.1.1");
    const Policy policy = wireguard_policy();
    const Situation locked = decide(policy, links, {}, {});
    REQUIRE(evaluate(*compile(policy, locked), dhcp).verdict == Verdict::accept);

    const Ruleset ruleset = *compile(policy, decide(policy, links, panic, {}));

    CHECK(evaluate(ruleset, dhcp).verdict == Verdict::drop);
    CHECK(evaluate(ruleset, dhcp).chain == "egress_eth0");
}

TEST_CASE("a kernel without the hook gets no rules at the devices", "[raw][state]") {
    State state;
    state.policy = wireguard_policy();
    state.raw_support = RawSupport::kernel_cannot;

    const Step next = step(state, LinksChanged{{{2, {"eth0", "", true, {}, 0, true}}}});

    REQUIRE(next.next.wanted);
    CHECK(part_of(*next.next.wanted, TableFamily::netdev).chains.empty());
    CHECK_FALSE(part_of(*next.next.wanted, TableFamily::inet).chains.empty());
}

TEST_CASE("a device that refuses the rules is tried again, and the lock holds", "[raw][state]") {
    State state;
    state.policy = wireguard_policy();
    state = step(state, LinksChanged{{{2, {"eth0", "", true, {}, 0, true}}}}).next;

    Step tried =
        step(state, CommitSucceeded{state.wanted, Error{"kernel refused chain egress_eth0", 19}});

    CHECK(tried.next.in_force);
    REQUIRE_FALSE(tried.effects.empty());
    CHECK(std::holds_alternative<RetryAfter>(tried.effects[0]));
    CHECK(std::get<Announce>(tried.effects[1]).key == "raw-failed");
    Step due = step(tried.next, RetryDue{});
    CHECK(std::holds_alternative<Commit>(due.effects.at(0)));
    CHECK(step(due.next, CommitSucceeded{state.wanted}).next.raw_error.empty());
}
