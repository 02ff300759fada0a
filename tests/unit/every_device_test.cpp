// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/surroundings.hpp"
#include "policies.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;

namespace {

Situation everywhere(Situation situation) {
    situation.raw_support = RawSupport::every_device;
    return situation;
}

/// A packet that is about to leave by a device of this name and kind.
PacketView at(const std::string& device, const std::string& kind, PacketView packet) {
    packet.hook = Hook::egress;
    packet.out_interface = device;
    packet.out_kind = kind;
    return packet;
}

PacketView to_endpoint() {
    PacketView packet = web_by("eth0");
    packet.protocol = proto::kUdp;
    packet.destination = address("203.0.113.7");
    packet.destination_port = 51820;
    packet.mark = 0xca6c;
    return packet;
}

bool passes(const Ruleset& rules, const PacketView& packet) {
    return evaluate(rules, packet).verdict == Verdict::accept;
}

}  // namespace

TEST_CASE("a device that nobody has looked at is an uplink", "[raw][fail-closed]") {
    const Policy policy = wireguard_policy();
    const Ruleset rules = *compile(policy, everywhere(situation_of(policy, StateName::locked)));
    const std::string device = GENERATE("eth7", "docker0", "wg0");
    const std::string kind = GENERATE("", "veth", "wireguard");

    CHECK(passes(rules, at(device, kind, to_endpoint())));
    CHECK_FALSE(passes(rules, at(device, kind, web_by("eth0"))));
    CHECK(evaluate(rules, at(device, kind, web_by("eth0"))).counter == "raw");
    CHECK(passes(rules, at("lo", "", web_by("lo"))));
}

TEST_CASE("what leads inside is told by name and kind", "[raw][fail-closed]") {
    const Policy policy = wireguard_policy();
    Situation situation = everywhere(situation_of(policy, StateName::protected_));
    situation.tunnels_up = {{"wg0", "wireguard"}};
    const std::size_t ports = GENERATE(std::size_t{1}, std::size_t{9});
    situation.around.inside = {{"docker0", "bridge"}, {"eth1", ""}};
    for (std::size_t i = 0; i < ports; ++i) {
        situation.around.inside.push_back({fmt::format("veth{}", i), "veth"});
    }
    const Ruleset rules = *compile(policy, situation);

    for (const auto& [name, kind] : {std::pair{"wg0", "wireguard"}, std::pair{"docker0", "bridge"},
                                     std::pair{"veth0", "veth"}}) {
        CAPTURE(name);
        CHECK(passes(rules, at(name, kind, web_by(name))));
        CHECK_FALSE(passes(rules, at(name, "macvlan", web_by(name))));
        CHECK_FALSE(passes(rules, at(name, "", web_by(name))));
    }
    CHECK(passes(rules, at("eth1", "", web_by("eth1"))));
    CHECK_FALSE(passes(rules, at("veth99", "veth", web_by("veth99"))));
}

TEST_CASE("what is about a device on top is about those below it", "[raw]") {
    Policy policy = wireguard_policy();
    policy.lan.allow = true;
    AllowRule by_vlan;
    by_vlan.far = Prefix::parse("192.0.2.0/24");
    by_vlan.interface = "vlan7";
    policy.outbound = {by_vlan};
    Situation situation = everywhere(situation_of(policy, StateName::locked));
    situation.around.uplinks = {{"eth0", 2, {"vlan7"}}, {"eth1", 3, {}}, {"vlan7", 4, {}}};
    const int networks = GENERATE(1, 8);  // In rules, and in a set.
    for (int i = 0; i < networks; ++i) {
        situation.around.lan.push_back(
            {"vlan7", *Prefix::parse(fmt::format("192.168.{}.0/24", i))});
    }
    PacketView printer = web_by("vlan7");
    printer.destination = address("192.168.0.9");
    PacketView excepted = web_by("vlan7");
    excepted.destination = address("192.0.2.1");
    const auto check = [&](const char* device, bool expected) {
        const Ruleset rules = *compile(policy, situation);
        CAPTURE(device, networks, render_text(rules, {"eth0"}));
        CHECK(passes(rules, at(device, "", printer)) == expected);
        CHECK(passes(rules, at(device, "", excepted)) == expected);
    };

    check("vlan7", true);
    check("eth0", true);
    check("eth1", false);
    check("eth2", false);

    situation.around.uplinks[1].of_anybody = true;
    check("eth1", true);
    check("eth2", false);
}

TEST_CASE("frames of a guest's VLAN are told by their tags", "[raw]") {
    const Policy policy = wireguard_policy();
    Situation situation = situation_of(policy, StateName::locked);
    const std::vector<VlanTag> one{{0x8100, 20}};
    const std::vector<VlanTag> two{{0x88a8, 5}, {0x8100, 21}};
    situation.around.uplinks = {{"eth0", 2, {}, false, {one, two}}};
    const bool every = GENERATE(true, false);
    situation.raw_support = every ? RawSupport::every_device : RawSupport::kernel_can;

    const std::string text = render_text(*compile(policy, situation), {"eth0"});

    const std::string device = every ? "oifname \"eth0\" " : "";
    CHECK_THAT(text, contains_text(device + "@ll,96,16 0x8100 @ll,116,12 0x014 accept"));
    CHECK_THAT(text, contains_text(device + "@ll,96,16 0x88a8 @ll,116,12 0x005 @ll,128,16 0x8100 "
                                            "@ll,148,12 0x015 accept"));
}

TEST_CASE("a chain at every device is written as one at those that there are", "[render]") {
    const Policy policy = wireguard_policy();
    const Ruleset rules = *compile(policy, everywhere(situation_of(policy, StateName::locked)));

    const std::string without = render_text(rules);
    const std::string with = render_text(rules, {"lo", "eth0"});

    CHECK_THAT(without, contains_text("# every_device: at every device"));
    CHECK_THAT(without, !contains_text("hook egress"));
    CHECK_THAT(with, contains_text("type filter hook egress devices = { \"lo\", \"eth0\" } "
                                   "priority 300; policy drop;\n\t\tjump egress\n"));
}

TEST_CASE("links that come and go change nothing where no rule is about them", "[raw]") {
    const Policy policy = wireguard_policy();
    LinkTable links{{2, {"eth0", "", true, {}, 0, true}}};
    const auto rules = [&] { return compile(policy, everywhere(decide(policy, links, {}, {}))); };
    const auto before = rules();

    links[3] = {"eth1", "", true, {}};
    links[2].name = "renamed";

    CHECK(rules() == before);
}

TEST_CASE("panic passes nothing at a device but inside", "[raw][fail-closed]") {
    Intents panic;
    panic.panic = true;
    const Policy policy = wireguard_policy();
    const LinkTable links{{2, {"eth0", "", true, {}, 0, true}}};
    const Ruleset rules = *compile(policy, everywhere(decide(policy, links, panic, {})));

    CHECK_FALSE(passes(rules, at("eth0", "", to_endpoint())));
    CHECK_FALSE(passes(rules, at("eth1", "", to_endpoint())));
    CHECK(passes(rules, at("lo", "", web_by("lo"))));
}
