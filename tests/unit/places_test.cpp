// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/surroundings.hpp"
#include "policies.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;

namespace {

constexpr int kNetworks = 10'000;
constexpr int kGuests = 2'000;

Prefix own_address(int first, int number, std::uint8_t length) {
    return {*IpAddress::parse(fmt::format("10.{}.{}.1", first + number / 250, number % 250)),
            length};
}

/// An uplink with 10,000 networks on it, and 2,000 guests with one each.
LinkTable crowd() {
    LinkTable links;
    Link uplink{"eth0", "", true, {Prefix{*IpAddress::parse("192.0.2.2"), 24}}, 0, true};
    for (int i = 0; i < kNetworks; ++i) {
        uplink.addresses.push_back(own_address(0, i, i % 2 == 0 ? 24 : 25));
    }
    links[2] = uplink;
    for (int i = 0; i < kGuests; ++i) {
        links[3 + i] = Link{fmt::format("veth{}", i), "veth", true, {own_address(100, i, 24)}};
    }
    return links;
}

PacketView packet(const std::string& interface, const char* to) {
    PacketView view;
    view.out_interface = interface;
    view.source = *IpAddress::parse("10.0.0.1");
    view.destination = *IpAddress::parse(to);
    return view;
}

bool leaves(const Ruleset& rules, const std::string& interface, const char* to) {
    return evaluate(rules, packet(interface, to)).verdict == Verdict::accept;
}

}  // namespace

TEST_CASE("10,000 networks and 2,000 guests make few rules, each right at its edges", "[scale]") {
    Policy policy = wireguard_policy();
    policy.lan.allow = true;
    const auto begin = std::chrono::steady_clock::now();

    const Situation situation{StateName::locked, {}, {}, surroundings(policy, crowd())};
    const Ruleset rules = compile(policy, situation).value();

    fmt::print("compiled in {} ms\n", std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::chrono::steady_clock::now() - begin)
                                          .count());
    std::size_t count = 0;
    for (const Chain& chain : rules.chains) {
        count += chain.rules.size();
    }
    CHECK(count < 200);
    REQUIRE(situation.around.guests.size() == kGuests);
    REQUIRE(situation.around.lan.size() == kNetworks);
    // 10.39.248.0/24, the last even network, ends where 10.39.249.0/25 begins.
    CHECK(leaves(rules, "eth0", "10.39.248.255"));
    CHECK(leaves(rules, "eth0", "10.39.249.127"));
    CHECK_FALSE(leaves(rules, "eth0", "10.39.249.128"));
    CHECK_FALSE(leaves(rules, "eth0", "10.39.250.0"));
    CHECK(leaves(rules, "veth1999", "10.107.249.255"));
    CHECK_FALSE(leaves(rules, "veth1999", "10.107.248.1"));
    CHECK_FALSE(leaves(rules, "eth0", "10.107.249.1"));
    PacketView between = packet("veth1999", "10.107.249.7");
    between.hook = Hook::forward;
    between.in_interface = "veth0";
    CHECK(evaluate(rules, between).verdict == Verdict::accept);
    between.in_interface = "eth0";
    CHECK(evaluate(rules, between).verdict != Verdict::accept);
    between.in_interface = "veth0";
    between.out_interface = "veth1998";
    CHECK(evaluate(rules, between).verdict != Verdict::accept);
}

TEST_CASE("from six places on they are sets, named by what, family and length", "[scale]") {
    const auto names = [](int count, const std::vector<const char*>& networks) {
        Situation situation{StateName::locked, {}, {}};
        for (int i = 1; i <= count; ++i) {
            const std::string device = fmt::format("eth{}", i);
            for (const char* const text : networks) {
                const Prefix network = *Prefix::parse(fmt::format(fmt::runtime(text), i));
                situation.around.lan.push_back({device, network});
                situation.around.guests.push_back({"g" + device, network});
            }
            situation.around.neighbours.push_back({device, *Prefix::parse("2001:db8::/64")});
        }
        std::vector<std::string> all;
        const Ruleset rules = compile(wireguard_policy(), situation).value();
        for (const Set& set : rules.sets) {
            all.push_back(set.name);
        }
        std::ranges::sort(all);
        return all;
    };
    const std::vector<const char*> both{"10.{}.0.0/16", "fd0{}::/64"};
    CHECK(names(2, both).empty());
    CHECK(names(6, {"10.{}.0.0/16"}) == std::vector<std::string>{"guest_links", "guest_links4",
                                                                 "guests4_16", "lan4_16",
                                                                 "lan_links4"});
    CHECK(names(5, both) ==
          std::vector<std::string>{"guests4_16", "guests6_64", "lan4_16", "lan6_64"});
    CHECK(names(6, both) == std::vector<std::string>{"guest_links", "guest_links4", "guest_links6",
                                                     "guests4_16", "guests6_64", "lan4_16",
                                                     "lan6_64", "lan_links4", "lan_links6",
                                                     "near6_64"});
}

TEST_CASE("every address by one device is a rule of its own, however many networks there are",
          "[scale]") {
    Situation situation{StateName::locked, {}, {}};
    situation.around.lan = {{"eth0", *Prefix::parse("0.0.0.0/0")},
                            {"eth1", *Prefix::parse("128.0.0.0/1")}};
    for (int i = 1; i <= 5; ++i) {
        situation.around.lan.push_back({"eth2", *Prefix::parse(fmt::format("10.{}.0.0/16", i))});
    }
    const Ruleset rules = compile(wireguard_policy(), situation).value();

    REQUIRE(rules.sets.size() == 2);
    CHECK(rules.sets[0].name == "lan4_1");
    CHECK(rules.sets[1].name == "lan4_16");
    CHECK(leaves(rules, "eth0", "198.51.100.9"));
    CHECK(leaves(rules, "eth1", "198.51.100.9"));
    CHECK_FALSE(leaves(rules, "eth1", "10.1.0.1"));
    CHECK(leaves(rules, "eth2", "10.1.0.1"));
    CHECK_FALSE(leaves(rules, "eth2", "198.51.100.9"));
}
