// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/automatic.hpp"
#include "killswitchd/endpoints.hpp"
#include "policies.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::test;
using namespace std::chrono_literals;

namespace {

const std::chrono::system_clock::time_point kNow{1'700'000'000s};
const Endpoint kFirst = udp("203.0.113.7", 51820);
const Endpoint kSecond = udp("203.0.113.8", 443);

Tunnel automatic_tunnel() {
    Tunnel tunnel;
    tunnel.name = "home";
    tunnel.interface = "wg0";
    tunnel.automatic = true;
    return tunnel;
}

VpnPeer peer(const std::string& id, std::optional<Endpoint> endpoint) {
    VpnPeer one;
    one.id = id;
    one.endpoint = endpoint;
    return one;
}

VpnPeer answering(VpnPeer one) {
    one.received_bytes = 92;
    one.last_answer = kNow - 12s;
    return one;
}

std::vector<Endpoint> endpoints(const Lesson& lesson) {
    std::vector<Endpoint> all;
    for (const LearnedServer& server : lesson.servers) {
        all.push_back(server.endpoint);
    }
    return all;
}

Lesson look(const Tunnel& tunnel, const std::vector<LearnedServer>& before, VpnPeer one) {
    return learn(tunnel, before, "wg0", {0, 0, {std::move(one)}}, kNow);
}

const std::vector<LearnedServer> kKnown{{"A", kFirst, kNow - 1h, "wg0"}};

}  // namespace

TEST_CASE("a server is learned from a device that was configured", "[automatic]") {
    const Lesson lesson = look(automatic_tunnel(), {}, peer("A", kFirst));

    REQUIRE(endpoints(lesson) == std::vector{kFirst});
    CHECK(lesson.servers.front() == LearnedServer{"A", kFirst, kNow, "wg0"});
    CHECK(lesson.refused.empty());
}

TEST_CASE("a server that stays keeps its age", "[automatic]") {
    CHECK(look(automatic_tunnel(), kKnown, answering(peer("A", kFirst))).servers == kKnown);
}

TEST_CASE("a server that moved by itself is not followed", "[automatic][fail-closed]") {
    const Lesson lesson = look(automatic_tunnel(), kKnown, answering(peer("A", kSecond)));

    CHECK(lesson.servers == kKnown);
    REQUIRE(lesson.refused.size() == 1);
    CHECK(lesson.refused.front() ==
          "tunnel home: the server 203.0.113.7:51820/udp of wg0 is at 203.0.113.8:443/udp now, "
          "which is not followed without follow_roaming");
}

TEST_CASE("a server that moved is followed where the config says so", "[automatic]") {
    Tunnel tunnel = automatic_tunnel();
    tunnel.follow_roaming = true;

    const Lesson lesson = look(tunnel, kKnown, answering(peer("A", kSecond)));

    CHECK(endpoints(lesson) == std::vector{kSecond});
    CHECK(lesson.refused.empty());
}

TEST_CASE("an address that a peer without answers has was configured", "[automatic]") {
    CHECK(endpoints(look(automatic_tunnel(), kKnown, peer("A", kSecond))) == std::vector{kSecond});

    VpnPeer once_heard = peer("A", kSecond);
    once_heard.received_bytes = 1;
    CHECK(endpoints(look(automatic_tunnel(), kKnown, once_heard)) == std::vector{kFirst});
}

TEST_CASE("another peer takes the place of the one that was known", "[automatic]") {
    CHECK(endpoints(look(automatic_tunnel(), kKnown, answering(peer("B", kSecond)))) ==
          std::vector{kSecond});
}

TEST_CASE("a device that says nothing takes nothing away", "[automatic]") {
    CHECK(learn(automatic_tunnel(), kKnown, "wg0", {}, kNow).servers == kKnown);
    CHECK(look(automatic_tunnel(), kKnown, peer("A", std::nullopt)).servers == kKnown);
    CHECK(look(automatic_tunnel(), {}, peer("A", std::nullopt)).servers.empty());
}

TEST_CASE("servers of other devices of the same pattern stay", "[automatic]") {
    const std::vector<LearnedServer> other{{"B", kSecond, kNow - 1h, "wg1"}};

    CHECK(endpoints(look(automatic_tunnel(), other, peer("A", kFirst))) ==
          std::vector{kFirst, kSecond});
}

TEST_CASE("addresses that are no other host's are not learned", "[automatic]") {
    for (const char* const address : {"127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"}) {
        INFO(address);
        CHECK(look(automatic_tunnel(), {}, peer("A", udp(address, 51820))).servers.empty());
        CHECK(look(automatic_tunnel(), kKnown, peer("A", udp(address, 51820))).servers == kKnown);
    }
}

TEST_CASE("a device with many peers opens no more than the limit", "[automatic]") {
    VpnDevice device;
    for (int i = 0; i < 200; ++i) {
        device.peers.push_back(peer(std::to_string(i), kFirst));
    }

    CHECK(learn(automatic_tunnel(), {}, "wg0", device, kNow).servers.size() == kMaxLearnedServers);
}

TEST_CASE("what was learned counts for tunnels with auto alone", "[automatic][fail-closed]") {
    Policy policy = wireguard_policy();
    const LearnedServers servers{{"home", kKnown}};
    REQUIRE(policy.tunnels.front().name == "home");
    CHECK(endpoints_from(servers, policy).empty());

    policy.tunnels.front().automatic = true;
    const KnownEndpoints known = endpoints_from(servers, policy);

    REQUIRE(known.at("home").size() == 1);
    const KnownEndpoint& one = known.at("home").front();
    CHECK(one.source == EndpointSource::automatic);
    CHECK(one.endpoint == kFirst);
    CHECK(provenance(one) == "auto: wg0 peer A");
}

TEST_CASE("silence is what was sent without an answer", "[automatic]") {
    const auto silent = [](const VpnPeer& now, const std::optional<VpnPeer>& before = {}) {
        const std::optional<VpnDevice> earlier =
            before ? std::optional(VpnDevice{0, 0, {*before}}) : std::nullopt;
        return answers_of({0, 0, {now}}, kNow, earlier)->silent;
    };
    VpnPeer one = answering(peer("A", kFirst));
    CHECK_FALSE(silent(one));

    one.last_answer = kNow - 180s;
    one.sent_bytes = 500;
    CHECK_FALSE(silent(one));  // Perhaps there is nothing to say.
    VpnPeer before = one;
    before.sent_bytes = 352;
    CHECK(silent(one, before));
    CHECK_FALSE(silent(one, one));
    one.keepalive_seconds = 25;
    CHECK(silent(one));
    one.last_answer = kNow - 179s;
    CHECK_FALSE(silent(one));

    one.last_answer.reset();
    CHECK(silent(one));
    one.sent_bytes = 0;
    CHECK_FALSE(silent(one));
    CHECK_FALSE(answers_of({}, kNow).has_value());
}

TEST_CASE("one server that answers is enough", "[automatic]") {
    VpnPeer dead = peer("A", kFirst);
    dead.sent_bytes = 148;
    const VpnDevice device{0, 0, {dead, answering(peer("B", kSecond))}};

    const auto answers = answers_of(device, kNow);

    CHECK_FALSE(answers->silent);
    CHECK(answers->last == kNow - 12s);
    CHECK(answers->server == kSecond.str());
}

TEST_CASE("a device is looked at ever less often, and hardly while it works", "[automatic]") {
    CHECK(next_look(0s, std::nullopt, kNow) == 1s);
    CHECK(next_look(8s, std::nullopt, kNow) == 8s);
    CHECK(next_look(1h, std::nullopt, kNow) == 64s);
    Answers answers;
    answers.last = kNow - 30s;
    CHECK(next_look(1h, answers, kNow) == 151s);
    answers.last = kNow - 180s;
    CHECK(next_look(1h, answers, kNow) == 64s);
}

TEST_CASE("a key is shown as wg does", "[automatic]") {
    const std::array<std::uint8_t, 4> bytes{0, 16, 131, 255};
    CHECK(base64_of_key(std::span(bytes).first(3)) == "ABCD");
    CHECK(base64_of_key(std::span(bytes).first(2)) == "ABA=");
    CHECK(base64_of_key(bytes) == "ABCD/w==");
    CHECK(base64_of_key({}).empty());
}

TEST_CASE("a handshake is a moment that the clock can show, or none", "[automatic]") {
    CHECK(moment_of_handshake(1));
    CHECK(moment_of_handshake(9'223'372'035));
    for (const std::int64_t seconds :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{9'223'372'037},
          std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
        CAPTURE(seconds);
        CHECK_FALSE(moment_of_handshake(seconds));
    }
}
