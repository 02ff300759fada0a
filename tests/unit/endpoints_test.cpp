// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/holes.hpp"
#include "killswitchd/step.hpp"
#include "policies.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace ks;
using namespace ks::test;

namespace {

const Endpoint kLearned = udp("203.0.113.20", 1194);

KnownEndpoint learned(const Endpoint& endpoint) {
    return {endpoint, EndpointSource::hostname, std::chrono::system_clock::time_point{}};
}

PacketView to(const Endpoint& endpoint) {
    PacketView packet = web_by("eth0");
    packet.destination = endpoint.address;
    packet.protocol = endpoint.protocol;
    packet.destination_port = endpoint.port;
    packet.mark = 0xca6c;
    return packet;
}

/// Armed, with a known world and no tunnel.
State locked_state() {
    State state;
    state.links = LinkTable{};
    return step(std::move(state), PolicyLoaded{wireguard_policy()}).next;
}

}  // namespace

TEST_CASE("a lease opens its endpoint for those it names, and for nobody else", "[endpoints]") {
    KnownEndpoint lease = learned(kLearned);
    lease.source = EndpointSource::lease;
    lease.only = Only{MarkMatch{0x1234}, {}, {}, {}};
    const State after =
        step(locked_state(), EndpointsChanged{EndpointSource::lease, {{kLeases, {lease}}}}).next;
    PacketView packet = to(kLearned);
    CHECK_FALSE(accepted(*after.wanted, packet));
    CHECK(evaluate(*after.wanted, packet).counter == "endpoint-guard");
    packet.mark = 0x1234;
    CHECK(accepted(*after.wanted, packet));
    packet.destination_port = 1195;
    CHECK_FALSE(accepted(*after.wanted, packet));
    CHECK(holes(after.policy, after.situation.endpoints).empty());

    lease.only = Only{};
    lease.origin = "pid 7";
    const State wide =
        step(after, EndpointsChanged{EndpointSource::lease, {{kLeases, {lease}}}}).next;
    packet = to(kLearned);
    packet.mark = 0;
    CHECK(accepted(*wide.wanted, packet));
    CHECK(
        holes(wide.policy, wide.situation.endpoints) ==
        std::vector<std::string>{"lease of pid 7: any program may send to 203.0.113.20:1194/udp"});

    const State gone = step(wide, EndpointsChanged{EndpointSource::lease, {}}).next;
    CHECK_FALSE(accepted(*gone.wanted, packet));
    CHECK(gone.wanted == locked_state().wanted);
}

TEST_CASE("a source takes back only what it said itself", "[endpoints]") {
    const KnownEndpoint named = learned(kLearned);
    KnownEndpoint seen = learned(udp("203.0.113.30", 443));
    seen.source = EndpointSource::automatic;
    const KnownEndpoints both = with_source({{"home", {named}}}, EndpointSource::automatic,
                                            {{"home", {seen}}, {"office", {seen}}});

    CHECK(both == KnownEndpoints{{"home", {named, seen}}, {"office", {seen}}});
    CHECK(with_source(both, EndpointSource::automatic, {}) == KnownEndpoints{{"home", {named}}});
    CHECK(with_source(both, EndpointSource::hostname, {}) ==
          KnownEndpoints{{"home", {seen}}, {"office", {seen}}});
}

TEST_CASE("a learned endpoint opens like one of the config", "[endpoints]") {
    const State before = locked_state();
    REQUIRE(accepted(*before.wanted, to(udp("203.0.113.7", 51820))));
    REQUIRE_FALSE(accepted(*before.wanted, to(kLearned)));

    const State after =
        step(before, EndpointsChanged{EndpointSource::hostname, {{"home", {learned(kLearned)}}}})
            .next;

    CHECK(accepted(*after.wanted, to(kLearned)));
    CHECK(accepted(*after.wanted, to(udp("203.0.113.7", 51820))));
    PacketView unmarked = to(kLearned);
    unmarked.mark = 0;
    CHECK_FALSE(accepted(*after.wanted, unmarked));
    CHECK(evaluate(*after.wanted, unmarked).counter == "endpoint-guard");
    PacketView too_big;
    too_big.hook = Hook::input;
    too_big.in_interface = "eth0";
    too_big.source = address("198.51.100.1");
    too_big.destination = address("192.168.1.2");
    too_big.protocol = proto::kIcmp;
    too_big.icmp_type = 3;
    too_big.icmp_code = 4;
    too_big.inner_destination = kLearned.address;
    CHECK(accepted(*after.wanted, too_big));

    const State gone = step(after, EndpointsChanged{EndpointSource::hostname, {}}).next;
    CHECK(gone.wanted == before.wanted);
}

TEST_CASE("an IPv6 endpoint that is learned brings what IPv6 needs", "[endpoints]") {
    PacketView solicit = v6(web_by("eth0"));
    solicit.destination = address("ff02::2");
    solicit.protocol = proto::kIcmpv6;
    solicit.icmp_type = 133;
    solicit.hop_limit = 255;
    const State before = locked_state();
    REQUIRE_FALSE(accepted(*before.wanted, solicit));

    const EndpointsChanged news{EndpointSource::hostname,
                                {{"home", {learned(udp("2001:db8::7", 51820))}}}};
    CHECK(accepted(*step(before, news).next.wanted, solicit));
}

TEST_CASE("an endpoint learned for a tunnel that is not in the config opens nothing",
          "[endpoints][fail-closed]") {
    const State before = locked_state();
    const EndpointsChanged news{EndpointSource::hostname, {{"office", {learned(kLearned)}}}};

    CHECK(step(before, news).next.wanted == before.wanted);
}

TEST_CASE("a config without the tunnel forgets what was learned for it",
          "[endpoints][fail-closed]") {
    const State before = step(locked_state(), EndpointsChanged{EndpointSource::hostname,
                                                               {{"home", {learned(kLearned)}}}})
                             .next;
    REQUIRE(accepted(*before.wanted, to(kLearned)));
    Policy other = wireguard_policy();
    other.tunnels[0].name = "elsewhere";

    CHECK_FALSE(accepted(*step(before, PolicyLoaded{other}).next.wanted, to(kLearned)));
    CHECK(accepted(*step(before, PolicyLoaded{wireguard_policy()}).next.wanted, to(kLearned)));
}

TEST_CASE("a config that comes with what was learned replaces what was learned", "[endpoints]") {
    const State before = step(locked_state(), EndpointsChanged{EndpointSource::hostname,
                                                               {{"home", {learned(kLearned)}}}})
                             .next;
    REQUIRE(accepted(*before.wanted, to(kLearned)));

    const Step with = step(before, PolicyLoaded{wireguard_policy(), KnownEndpoints{}});
    CHECK_FALSE(accepted(*with.next.wanted, to(kLearned)));
    CHECK(with.effects.size() == 1);
}

TEST_CASE("what is known of endpoints can become a policy of its own", "[endpoints]") {
    Policy policy = wireguard_policy();
    policy.tunnels[0].imports = {"/etc/wireguard/wg0.conf"};
    const Endpoint configured = policy.tunnels[0].endpoints[0];

    const Policy whole =
        with_endpoints(policy, known_endpoints(policy, {{"home", {learned(kLearned)}}}));
    CHECK(whole.tunnels[0].endpoints == std::vector<Endpoint>{configured, kLearned});
    CHECK(whole.tunnels[0].imports.empty());
}

TEST_CASE("an endpoint says where exactly it is from", "[endpoints]") {
    CHECK(provenance({kLearned}) == "config");
    KnownEndpoint known = learned(kLearned);
    known.source = EndpointSource::imported;
    known.origin = "/etc/wireguard/wg0.conf:9";
    CHECK(provenance(known) == "import: /etc/wireguard/wg0.conf:9");
}

TEST_CASE("an endpoint that is learned and configured stays the config's", "[endpoints]") {
    const Policy policy = wireguard_policy();
    const Endpoint configured = policy.tunnels[0].endpoints[0];
    const KnownEndpoints known =
        known_endpoints(policy, {{"home", {learned(configured), learned(kLearned)}}});

    CHECK(endpoints_of(known, "home") ==
          std::vector<KnownEndpoint>{{configured}, learned(kLearned)});
    CHECK(endpoints_of(known, "office").empty());
}

TEST_CASE("a tunnel by policy is up when its learned gateway is encrypted to", "[endpoints]") {
    State state;
    state.links = LinkTable{};
    state = step(std::move(state), PolicyLoaded{ipsec_policy()}).next;
    state = step(std::move(state), IpsecChanged{{kLearned.address}}).next;
    REQUIRE(state.situation.ipsec_up.empty());

    state = step(std::move(state),
                 EndpointsChanged{EndpointSource::hostname, {{"office", {learned(kLearned)}}}})
                .next;
    CHECK(state.situation.ipsec_up == std::vector<std::string>{"office"});
}

TEST_CASE("a learned endpoint without `only` is a hole too", "[endpoints]") {
    Policy policy = wireguard_policy();
    const KnownEndpoints known = known_endpoints(policy, {{"home", {learned(kLearned)}}});
    REQUIRE(holes(policy, known).empty());
    policy.tunnels[0].only = {};

    const std::vector<std::string> found = holes(policy, known);
    CHECK(std::ranges::count(found, "tunnel home: any program may send to 203.0.113.20:1194/udp") ==
          1);
}

TEST_CASE("every source of an endpoint has a word of its own", "[endpoints]") {
    std::vector<std::string_view> words;
    for (const EndpointSource source :
         {EndpointSource::config, EndpointSource::imported, EndpointSource::hostname,
          EndpointSource::automatic, EndpointSource::lease}) {
        words.push_back(word(source));
    }
    CHECK(words == std::vector<std::string_view>{"config", "import", "dns", "auto", "lease"});
}
