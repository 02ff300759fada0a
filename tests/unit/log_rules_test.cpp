// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/decision.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/lack.hpp"
#include "killswitchd/render_text.hpp"
#include "policies.hpp"

#include <string>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;

namespace {

std::string rules_of(const Policy& policy, LogSupport support = LogSupport::kernel_can) {
    Situation situation = situation_of(policy, StateName::locked);
    situation.log = support;
    return render_text(*compile(policy, situation));
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every refusal tells of its packet, no faster than the rate", "[log]") {
    Policy policy = wireguard_policy();
    policy.log.rate = {3, Rate::Per::minute};
    const std::string text = rules_of(policy);

    for (const char* const reason : {"dns", "ipv6", "lan", "endpoint-guard", "guest", "uplink"}) {
        INFO(reason);
        CHECK(has(text, fmt::format("counter name \"{0}\" jump refuse_{0}", reason)));
        CHECK(has(text, fmt::format("chain refuse_{} {{\n\t\tlimit rate 3/minute "
                                    "log prefix \"{}\" group 27544 snaplen 80\n\t\tjump refuse\n",
                                    reason, reason)));
    }
    CHECK(has(text, "limit rate 3/minute log prefix \"inbound\" group 27544 "
                    "snaplen 80\n\t\tcounter name \"inbound\" drop"));
    CHECK(has(text, "counter name \"lan\" jump drop_lan"));  // Of postrouting.
    CHECK(has(text, "\"lan\" group 27544 snaplen 80\n\t\tdrop\n"));
}

TEST_CASE("without the wish or the kernel's help nothing is told", "[log]") {
    Policy policy = wireguard_policy();
    CHECK_FALSE(has(rules_of(policy, LogSupport::kernel_cannot), "log"));
    policy.log.blocked = false;
    CHECK_FALSE(has(rules_of(policy), "log"));
    CHECK(rules_of(policy) == rules_of(policy, LogSupport::kernel_cannot));
    CHECK_FALSE(has(render_text(builtin_lock()), "log"));
}

TEST_CASE("telling changes no verdict and no reason", "[log]") {
    const Policy policy = wireguard_policy();
    Policy silent = policy;
    silent.log.blocked = false;
    const Ruleset told = *compile(policy, situation_of(policy, StateName::protected_, {"wg0"}));
    const Ruleset untold = *compile(silent, situation_of(policy, StateName::protected_, {"wg0"}));

    PacketView packet;
    packet.out_interface = "eth0";
    packet.source = address("192.0.2.1");
    for (const char* const to : {"9.9.9.9", "192.168.1.1", "203.0.113.7"}) {
        packet.destination = address(to);
        packet.destination_port = 53;
        const Decision with = decision_on(told, packet, Direction::out);
        CHECK_FALSE(with.allowed);
        CHECK(with.reason == decision_on(untold, packet, Direction::out).reason);
        CHECK(with.rule == decision_on(untold, packet, Direction::out).rule);
    }
}

TEST_CASE("a packet to a VPN's server is told what it lacks", "[log][explain]") {
    State state;
    state.policy = wireguard_policy();
    state.situation = situation_of(state.policy, StateName::locked);
    PacketView packet;
    packet.source = address("192.0.2.1");
    packet.destination = address("203.0.113.7");
    packet.destination_port = 51820;
    const auto lack = [&] { return lack_of(state, packet).value(); };

    CHECK(lack().what == "no mark 0xca6c, which `only` of tunnel home asks for");
    CHECK(has(lack().fix, "FwMark = 0xca6c"));
    state.policy.tunnels[0].kind = "tun";
    CHECK(lack().fix == "add `mark 51820` to OpenVPN's file");
    state.policy.tunnels[0].imports = {"/etc/openvpn/client/home.ovpn"};
    CHECK(lack().fix == "add `mark 51820` to /etc/openvpn/client/home.ovpn");
    state.policy.tunnels[0].only = {};
    state.policy.tunnels[0].only.user = 7;
    CHECK(lack().what == "it is not of uid 7, which `only` of tunnel home asks for");
    packet.uid = 7;
    CHECK_FALSE(lack_of(state, packet));
    packet.destination_port = 51821;
    packet.uid.reset();
    CHECK_FALSE(lack_of(state, packet));
}
