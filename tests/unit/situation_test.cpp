// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/intents.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/tunnels.hpp"
#include "policies.hpp"

#include <iterator>
#include <optional>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::test;
using namespace std::chrono_literals;

TEST_CASE("a tunnel is up when name and kind match and the link is up", "[decide]") {
    Policy policy = wireguard_policy();
    struct Row {
        std::string pattern, kind;
        LinkTable links;
        bool up;
    };
    const auto row = GENERATE(values<Row>({
        {"wg0", "", links_with("wg0", "wireguard", true), true},
        {"wg0", "wireguard", links_with("wg0", "wireguard", true), true},
        {"wg0", "wireguard", links_with("wg0", "tun", true), false},
        {"wg0", "", links_with("wg0", "wireguard", false), false},
        {"wg0", "", links_with("wg01", "wireguard", true), false},
        {"wg*", "", links_with("wg7", "wireguard", true), true},
        {"wg*", "tun", links_with("wg7", "wireguard", true), false},
        {"wg0", "", {}, false},
    }));
    policy.tunnels[0].interface = row.pattern;
    policy.tunnels[0].kind = row.kind;

    CHECK(live_tunnels(policy, row.links).empty() != row.up);
}

TEST_CASE("the members of a group are the tunnel while they are in it", "[decide][groups]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].interface = "group:7";
    LinkTable links = links_with("office", "wireguard", true);
    Link& office = std::prev(links.end())->second;
    CHECK(live_tunnels(policy, links).empty());
    CHECK(use_of(policy.tunnels[0], links).problem == "no interface is in group 7");

    office.group = 7;
    CHECK(live_tunnels(policy, links) == std::vector<LiveTunnel>{{"office", "wireguard", 7U}});
    office.kind = "ppp";
    office.default_route = true;
    CHECK(live_tunnels(policy, links).empty());
    office.kind.clear();
    CHECK(refused_tunnels(policy, links) ==
          std::vector<std::string>{"office is hardware, not a tunnel"});

    office.kind = "wireguard";
    policy.tunnels.push_back(policy.tunnels[0]);
    policy.tunnels[1].interface = "office";
    CHECK(live_tunnels(policy, links) ==
          std::vector<LiveTunnel>{{"office", "wireguard", std::nullopt}});
}

TEST_CASE("the kernel asks for the group of a tunnel that is one by its group",
          "[decide][groups][fail-closed]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].interface = "group:7";
    Situation situation = situation_of(policy, StateName::protected_);
    situation.tunnels_up = {{"wg0", "wireguard", 7U}};
    const Ruleset rules = compile(policy, situation).value();
    PacketView packet = web_by("wg0");
    packet.out_kind = "wireguard";
    packet.out_group = 7;
    CHECK(follow(rules, packet).verdict == Verdict::accept);
    packet.out_group = 0;
    CHECK(follow(rules, packet).verdict == Verdict::drop);

    packet.hook = Hook::input;
    packet.out_interface.clear();
    packet.in_interface = "wg0";
    packet.in_kind = "wireguard";
    packet.in_group = 7;
    packet.tcp_opening = false;
    CHECK(accepted(rules, packet));
    packet.in_group = 8;
    CHECK_FALSE(accepted(rules, packet));
}

TEST_CASE("a device is a tunnel by more than its name", "[decide][fail-closed]") {
    Policy policy = wireguard_policy();
    struct Row {
        std::string pattern, kind;
        bool default_route, trusted;
    };
    const auto row = GENERATE(values<Row>({
        {"ppp0", "ppp", true, true},  // Named in full: the config says so.
        {"ppp*", "ppp", false, true},
        {"ppp*", "ppp", true, false},  // The way to the internet: a DSL line or a modem.
        {"ppp*", "tun", true, true},
        {"ppp*", "wireguard", true, true},
        {"ppp*", "veth", true, false},
        {"ppp*", "veth", false, false},  // Wraps nothing.
        {"ppp0", "macvlan", false, false},
        {"ppp0", "dummy", false, false},
        {"ppp*", "vlan", true, false},
        {"ppp*", "", false, false},  // Hardware.
        {"ppp0", "", false, false},
    }));
    policy.tunnels[0].interface = row.pattern;
    LinkTable links = links_with("ppp0", row.kind, true);
    links[7].default_route = row.default_route;
    INFO(row.pattern << " " << row.kind << " " << row.default_route);

    CHECK(live_tunnels(policy, links).empty() != row.trusted);
    CHECK(refused_tunnels(policy, links).empty() == row.trusted);
}

TEST_CASE("a link that one tunnel refuses and another trusts is a tunnel", "[decide]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].kind = "tun";
    const LinkTable links = links_with("wg0", "wireguard", true);
    REQUIRE(refused_tunnels(policy, links) ==
            std::vector<std::string>{"wg0 is a wireguard device, the config wants tun"});
    policy.tunnels.push_back(wireguard_policy().tunnels[0]);

    CHECK(refused_tunnels(policy, links).empty());
    CHECK(live_tunnels(policy, links) == std::vector<LiveTunnel>{{"wg0", "wireguard"}});
}

TEST_CASE("what is up is sorted by name, whatever its index", "[decide]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].interface = "wg*";
    LinkTable links{{7, {"wg9", "wireguard", true, {}}}, {8, {"wg1", "wireguard", true, {}}}};
    CHECK(live_tunnels(policy, links) ==
          std::vector<LiveTunnel>{{"wg1", "wireguard"}, {"wg9", "wireguard"}});

    policy = ipsec_policy();
    policy.tunnels.push_back(policy.tunnels[0]);
    policy.tunnels[1].name = "an-earlier";
    CHECK(live_ipsec(policy, known_endpoints(policy), {address("203.0.113.9")}) ==
          std::vector<std::string>{"an-earlier", "office"});
}

TEST_CASE("one tunnel of many gives an interface its name, and one the need of IPsec", "[decide]") {
    Policy policy = wireguard_policy();
    CHECK_FALSE(uses_ipsec(policy));
    policy.tunnels.push_back(ipsec_policy().tunnels[0]);

    CHECK(uses_ipsec(policy));
    CHECK(live_tunnels(policy, links_with("wg0", "wireguard", true)).size() == 1);
    CHECK(bears_tunnel_name(policy, {"wg0", "wireguard", true, {}}));
    CHECK_FALSE(bears_tunnel_name(policy, {"", "wireguard", true, {}}));
}

TEST_CASE("on-drop waits for a tunnel only where the boot stage opens, and until one engages",
          "[decide]") {
    struct Row {
        BootLock boot;
        bool engaged;
        StateName state;
    };
    const auto row = GENERATE(values<Row>({{BootLock::open, false, StateName::disarmed},
                                           {BootLock::open, true, StateName::locked},
                                           {BootLock::lock, false, StateName::locked}}));
    Policy policy = wireguard_policy();
    policy.mode = Mode::on_drop;
    policy.boot = row.boot;

    CHECK(decide(policy, LinkTable{}, {false, false, row.engaged}, {}).state == row.state);
    policy.mode = Mode::always;
    CHECK(decide(policy, LinkTable{}, {}, {}).state == StateName::locked);
}

TEST_CASE("a situation knows endpoints and cgroups in every state", "[decide]") {
    const Policy policy = wireguard_policy();
    const auto intents = GENERATE(values<Intents>({{}, {true}, {false, true}}));

    const Situation situation = decide(policy, LinkTable{}, intents, {{"vpn.slice", 42}});

    CHECK(situation.endpoints == known_endpoints(policy));
    CHECK(situation.cgroups == CgroupIds{{"vpn.slice", 42}});
}

TEST_CASE("config, links and intents lead to the documented state", "[decide]") {
    struct Row {
        Mode mode;
        Intents intents;
        bool up;
        StateName state;
    };
    const auto row = GENERATE(values<Row>({
        {Mode::always, {}, true, StateName::protected_},
        {Mode::always, {}, false, StateName::locked},
        {Mode::always, {true, false}, true, StateName::disarmed},
        {Mode::always, {false, true}, true, StateName::panic},
        {Mode::always, {true, true}, true, StateName::panic},
        {Mode::off, {}, true, StateName::disarmed},
        {Mode::off, {false, true}, false, StateName::panic},
        {Mode::always, {false, false, true, Instant{"b", 1s}}, true, StateName::paused},
        {Mode::always, {true, false, true, Instant{"b", 1s}}, true, StateName::disarmed},
        {Mode::always, {false, true, true, Instant{"b", 1s}}, true, StateName::panic},
    }));
    Policy policy = wireguard_policy();
    policy.mode = row.mode;

    const Situation situation =
        decide(policy, links_with("wg0", "wireguard", row.up), row.intents, {});

    CHECK(situation.state == row.state);
    CHECK(situation.tunnels_up.empty() ==
          (row.state != StateName::protected_ && row.state != StateName::paused));
    CHECK(situation.open_until.has_value() == (row.state == StateName::paused));
}

TEST_CASE("nothing is up while the links are unknown", "[decide][fail-closed]") {
    const Policy policy = wireguard_policy();
    REQUIRE(decide(policy, links_with("wg0", "wireguard", true), {}, {}).state ==
            StateName::protected_);  // Else the test proves nothing.

    CHECK(decide(policy, std::nullopt, {}, {}).state == StateName::locked);
}

TEST_CASE("every state has a word and back", "[decide]") {
    const auto state = GENERATE(StateName::disarmed, StateName::locked, StateName::protected_,
                                StateName::paused, StateName::panic);

    CHECK(state_from(word(state)) == state);
    CHECK_FALSE(state_from("open"));
}

TEST_CASE("a tunnel that is not up says why, and never that it is down when it is up", "[decide]") {
    Tunnel tunnel = wireguard_policy().tunnels[0];
    tunnel.kind = "wireguard";
    const auto problem = [&](const std::optional<LinkTable>& links) {
        return use_of(tunnel, links).problem;
    };

    CHECK(use_of(tunnel, links_with("wg0", "wireguard", true)).up);
    CHECK(problem(links_with("wg0", "wireguard", true)).empty());
    CHECK(problem(links_with("wg0", "wireguard", false)) == "wg0 is there, but not up");
    CHECK(problem(links_with("wg1", "wireguard", true)) == "wg0 does not exist");
    CHECK(problem(std::nullopt) == "the links cannot be read, so it counts as down");
    CHECK(problem(links_with("wg0", "tun", true)) ==
          "wg0 is up but not used: it is a tun device, the config wants wireguard");
    CHECK(use_of(tunnel, links_with("wg0", "tun", true)).refused);
    CHECK_FALSE(use_of(tunnel, links_with("wg0", "tun", false)).refused);

    tunnel.interface = "wg*";
    CHECK(problem(links_with("tun0", "tun", true)) == "no interface is named wg*");
    LinkTable links = links_with("wg0", "tun", true);
    links[8] = {"wg1", "wireguard", false, {}};
    CHECK(problem(links).starts_with("wg0 is up but not used"));
    links[9] = {"wg2", "wireguard", true, {}};
    CHECK(problem(links).empty());
}

TEST_CASE("a tunnel inside another one is of use while both are up", "[situation][via]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].name = "outer";
    policy.tunnels.push_back(policy.tunnels[0]);
    policy.tunnels[1].name = "inner";
    policy.tunnels[1].interface = "tun0";
    policy.tunnels[1].via = "outer";
    const auto with = [&](bool outer, bool inner) {
        LinkTable links = links_with("wg0", "wireguard", outer);
        links[8] = {"tun0", "tun", inner, {}};
        return decide(policy, links, {}, {});
    };
    const Situation both = with(true, true);
    CHECK(both.tunnels_up == std::vector<LiveTunnel>{{"tun0", "tun"}});
    CHECK(both.carriers == std::vector<LiveTunnel>{{"wg0", "wireguard"}});
    CHECK(meaning(policy, both) == "traffic leaves only through tun0 inside wg0");

    CHECK(with(true, false).state == StateName::locked);
    CHECK(meaning(policy, with(true, false)) ==
          "no tunnel inside wg0 is up, only packets to the VPN server leave");
    CHECK(with(false, true).state == StateName::locked);
    CHECK(with(false, true).tunnels_up.empty());
    CHECK(with(false, true).carriers.empty());

    policy.tunnels[1].via = "nobody";
    CHECK(with(true, true).tunnels_up == std::vector<LiveTunnel>{{"wg0", "wireguard"}});
    policy.tunnels[1].via = "inner";
    CHECK(with(true, true).tunnels_up == std::vector<LiveTunnel>{{"wg0", "wireguard"}});
}
