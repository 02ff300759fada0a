// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/automatic.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/uapi.hpp"
#include "uapi_sample.hpp"

#include <chrono>
#include <cstddef>
#include <random>
#include <string>

#include <fmt/format.h>

using namespace ks;
using namespace ks::testing;

namespace {

const std::string kKey(64, 'a');

std::string with_peer(const std::string& lines) {
    return fmt::format("public_key={}\n{}\nerrno=0\n\n", kKey, lines);
}

}  // namespace

TEST_CASE("what wireguard-go says is understood", "[uapi]") {
    const auto device = parse_uapi(kUapiSample);

    REQUIRE(device);
    CHECK(device->fwmark == 0xca6c);
    CHECK(device->listen_port == 45432);
    REQUIRE(device->peers.size() == 2);
    const VpnPeer& first = device->peers[0];
    CHECK(first.id == "uFmW/syJyfxbY9JXKm9V37wn+25h6O4m60Xc4vv8XCc=");
    CHECK(first.endpoint == Endpoint{*IpAddress::parse("203.0.113.7"), proto::kUdp, 51820});
    CHECK(first.last_answer ==
          std::chrono::system_clock::time_point(std::chrono::seconds(1796026812)));
    CHECK(first.received_bytes == 2224);
    CHECK(first.sent_bytes == 38333);
    CHECK(first.keepalive_seconds == 25);
    const VpnPeer& second = device->peers[1];
    CHECK(second.endpoint == Endpoint{*IpAddress::parse("2001:db8::7"), proto::kUdp, 443});
    CHECK_FALSE(second.last_answer);
}

TEST_CASE("an address with a zone is no server, and no mistake", "[uapi]") {
    const auto device = parse_uapi(with_peer("endpoint=[fe80::1%2]:51820"));

    REQUIRE(device);
    CHECK_FALSE(device->peers.front().endpoint);
}

TEST_CASE("an answer that is not as it should be says nothing", "[uapi][fail-closed]") {
    const std::string bad = GENERATE(
        as<std::string>{}, "", "\n", "errno=0\n", "errno=0", "errno=0\n\nerrno=0\n\n",
        "errno=1\n\n", "errno=x\n\n", "nonsense\nerrno=0\n\n",
        "endpoint=203.0.113.7:51820\nerrno=0\n\n", "public_key=ab\nerrno=0\n\n",
        "listen_port=65536\nerrno=0\n\n", "fwmark=-1\nerrno=0\n\n",
        with_peer("endpoint=203.0.113.7"), with_peer("endpoint=203.0.113.7:"),
        with_peer("endpoint=203.0.113.7:65536"), with_peer("endpoint=203.0.113.7:+1"),
        with_peer("endpoint=vpn.example.net:51820"), with_peer("endpoint=2001:db8::7:51820"),
        with_peer("endpoint=[203.0.113.7]:51820"), with_peer("rx_bytes=1k"),
        with_peer("last_handshake_time_sec=99999999999999999999"),
        with_peer("persistent_keepalive_interval=off"));
    CAPTURE(bad);

    CHECK_FALSE(parse_uapi(bad));
}

TEST_CASE("an answer of more peers than anybody has is read as far as the limit", "[uapi]") {
    std::string text;
    for (std::size_t i = 0; i < kMaxVpnPeers + 10; ++i) {
        text += fmt::format("public_key={:064x}\nendpoint=203.0.113.7:51820\n", i);
    }
    const auto device = parse_uapi(text + "errno=0\n\n");

    REQUIRE(device);
    CHECK(device->peers.size() == kMaxVpnPeers);
    CHECK_FALSE(parse_uapi(std::string(kMaxUapiBytes + 1, '\n')));
}

TEST_CASE("an answer cut off or bent anywhere is read without harm", "[uapi][robustness]") {
    const std::string sample(kUapiSample);
    for (std::size_t end = 0; end < sample.size(); ++end) {
        CHECK_FALSE(parse_uapi(sample.substr(0, end)));
    }
    std::mt19937 random(20261130);
    int read = 0;
    for (int round = 0; round < 5'000; ++round) {
        std::string text = sample;
        text[random() % text.size()] = static_cast<char>(random() % 256);
        const auto device = parse_uapi(text);
        read += device ? 1 : 0;
        for (const VpnPeer& peer : device ? device->peers : std::vector<VpnPeer>{}) {
            REQUIRE((!peer.endpoint || peer.endpoint->port != 0));
        }
    }
    CHECK(read > 0);
    CHECK(read < 5'000);
}
