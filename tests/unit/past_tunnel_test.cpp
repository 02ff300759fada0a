// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/past_tunnel.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/step.hpp"
#include "policies.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;

namespace {

constexpr std::uint8_t kKernelRedirect = 1, kBoot = 3, kStatic = 4, kAdvertisement = 9, kDhcp = 16;

/// A card with one network, and the tunnel.
LinkTable host() {
    LinkTable links{{1, {"lo", "", true, {}}}};
    links[2] = {"eth0", "", true, {Prefix{address("192.0.2.5"), 24}}};
    links[2].default_route = true;
    links[3] = {"wg0", "wireguard", true, {Prefix{address("10.8.0.2"), 24}}};
    return links;
}

LinkTable with_route(const char* to, std::uint8_t origin, int link = 2) {
    LinkTable links = host();
    links[link].routes = {{*Prefix::parse(to), origin}};
    return links;
}

std::vector<std::string> past(const Policy& policy, const LinkTable& links) {
    return ways_past(policy, decide(policy, links, Intents{}, {}), links);
}

}  // namespace

TEST_CASE("a route that leads past the tunnel is named with its origin", "[past]") {
    Policy policy = wireguard_policy();
    policy.dns_servers = {{address("10.8.0.1"), address("9.9.9.9")}};
    const auto [to, origin, words] = GENERATE(table<const char*, std::uint8_t, const char*>({
        {"0.0.0.0/1", kDhcp, "DHCP"},
        {"128.0.0.0/1", kDhcp, "DHCP"},
        {"198.51.100.0/24", kBoot, "a program"},
        {"198.51.100.7/32", kKernelRedirect, "an ICMP redirect"},
        {"2001:db8:5::/48", kAdvertisement, "a router advertisement"},
        {"9.9.9.9/32", kStatic, "a static configuration"},
        {"10.8.0.1/32", kStatic, "a static configuration"},
        {"10.0.0.0/8", kDhcp, "DHCP"},
        {"203.0.113.7/32", kDhcp, "DHCP"},
        {"203.0.113.0/24", kStatic, "a static configuration"},
    }));
    CAPTURE(to);

    const std::vector<std::string> named = past(policy, with_route(to, origin));

    CHECK(named == std::vector<std::string>{fmt::format(
                       "a route to {} by eth0, set by {}, leads past the tunnel: what takes it is "
                       "refused",
                       Prefix::parse(to)->str(), words)});
}

TEST_CASE("what VPN clients and local networks need is no news", "[past]") {
    Policy policy = wireguard_policy();
    const auto [to, origin] = GENERATE(table<const char*, std::uint8_t>({
        {"203.0.113.7/32", kBoot},    // The endpoint.
        {"203.0.113.7/32", kStatic},  // The same by NetworkManager.
        {"192.0.2.0/24", kDhcp},      // The own network.
        {"192.0.2.1/32", kDhcp},      // Its router.
        {"172.16.0.0/12", kStatic},   // Behind another router here.
        {"fd00:1::/64", kAdvertisement},
        {"169.254.0.0/16", kBoot},
        {"fe80::/64", kBoot},
        {"224.0.0.0/4", kBoot},
        {"ff00::/8", kBoot},
    }));
    CAPTURE(to);

    CHECK(past(policy, with_route(to, origin)).empty());
}

TEST_CASE("routes into the tunnel, and of a host that is not locked, are no news", "[past]") {
    Policy policy = wireguard_policy();
    CHECK(past(policy, with_route("0.0.0.0/1", kBoot, 3)).empty());

    const LinkTable links = with_route("0.0.0.0/1", kDhcp);
    REQUIRE(past(policy, links).size() == 1);
    policy.mode = Mode::off;
    CHECK(past(policy, links).empty());
}

TEST_CASE("a program of XDP on a card is named, and many routes are counted", "[past]") {
    const Policy policy = wireguard_policy();
    LinkTable links = host();
    links[2].xdp = links[3].xdp = true;
    for (std::uint8_t i = 1; i <= 8; ++i) {
        links[2].routes.push_back({*Prefix::parse(fmt::format("198.51.{}.0/24", i)), kDhcp});
    }

    const std::vector<std::string> named = past(policy, links);

    REQUIRE(named.size() == 7);
    CHECK(named.front() == "a program of XDP is attached to eth0: what it sends passes no rule");
    CHECK(named.back() == "3 more routes lead past the tunnel");
}

TEST_CASE("a way past the lock is announced once, and again when it comes again", "[past]") {
    State state;
    state.policy = wireguard_policy();
    const auto announced = [&](const LinkTable& links) {
        Step next = step(std::move(state), LinksChanged{links});
        state = std::move(next.next);
        return std::ranges::count_if(next.effects, [](const Effect& effect) {
            const auto* const say = std::get_if<Announce>(&effect);
            return say != nullptr && say->key == "past-the-lock";
        });
    };
    const LinkTable hostile = with_route("0.0.0.0/1", kDhcp);
    CHECK(announced(host()) == 0);
    CHECK(announced(hostile) == 1);
    CHECK(announced(hostile) == 0);
    CHECK(announced(host()) == 0);
    CHECK(announced(hostile) == 1);
}
