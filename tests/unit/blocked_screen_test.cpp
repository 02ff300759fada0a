// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "cli/blocked_screen.hpp"
#include "host/blocked.hpp"
#include "policies.hpp"
#include "wire/blocked_json.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

using namespace ks;
using namespace ks::cli;
using namespace ks::test;

namespace {

using std::chrono::seconds;

BlockedRow row(const char* reason, const char* to, std::uint16_t port) {
    BlockedRow row;
    row.blocked.time = "2026-11-30T14:08:50.000Z";
    row.blocked.reason = reason;
    row.blocked.packet.source = address("192.0.2.2");
    row.blocked.packet.destination = address(to);
    row.blocked.packet.destination_port = port;
    row.user = "alice";
    return row;
}

const BlockedScreen::Clock::time_point kStart{};

}  // namespace

TEST_CASE("a refused packet is a row, with what would help below it", "[blocked]") {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    BlockedScreen screen;
    BlockedRow sent = row("endpoint-guard", "203.0.113.20", 1194);
    sent.program = Process{812, "openvpn"};
    sent.advice = "no mark 4660: add `mark 4660` to home.ovpn";
    CHECK(screen.add(sent, kStart) ==
          "  14:08:50  endpoint-guard udp 203.0.113.20:1194        openvpn (alice)\n"
          "            no mark 4660: add `mark 4660` to home.ovpn\n");

    BlockedRow guest = row("guest", "192.0.2.80", 443);
    guest.blocked.direction = Direction::forward;
    guest.blocked.packet.in_interface = "docker0";
    CHECK(screen.add(guest, kStart) ==
          "  14:08:50  guest          udp 192.0.2.80:443           docker0 192.0.2.2\n");

    BlockedRow knock = row("inbound", "192.0.2.1", 22);
    knock.blocked.direction = Direction::in;
    knock.blocked.packet.in_interface = "eth0";
    CHECK(screen.add(knock, kStart) ==
          "  14:08:50  inbound        udp 22 from 192.0.2.2        eth0\n");
}

TEST_CASE("a packet that repeats is counted, and a row again only later", "[blocked]") {
    BlockedScreen screen;
    const BlockedRow dns = row("dns", "9.9.9.9", 53);
    CHECK_FALSE(screen.add(dns, kStart).empty());
    for (int i = 0; i < 13; ++i) {
        CHECK(screen.add(dns, kStart + seconds(1)).empty());
    }
    CHECK(screen.flush(kStart + seconds(4)).empty());
    const std::string later = screen.flush(kStart + seconds(5));
    CHECK(later.find("udp 9.9.9.9:53          x13") != std::string::npos);
    CHECK(screen.flush(kStart + seconds(60)).empty());
    CHECK(screen.finish().empty());
    CHECK(screen.add(dns, kStart + seconds(61)).find("9.9.9.9") != std::string::npos);
}

TEST_CASE("names that other programs choose move no cursor", "[blocked]") {
    BlockedRow evil = row("uplink", "198.51.100.9", 1);
    evil.program = Process{1, "a\033[2J\nb"};
    const std::string text = BlockedScreen().add(evil, kStart);
    CHECK(text.find('\033') == std::string::npos);
    CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE("the total names the reasons, the most frequent first", "[blocked]") {
    CHECK(blocked_totals({{"dns", 14}, {"guest", 3}, {"lan", 4}, {"raw", 0}}, seconds(12)) ==
          "21 packets in 12 s: dns 14, lan 4, guest 3");
    CHECK(blocked_totals({{"dns", 1}}, seconds(2)) == "1 packet in 2 s: dns 1");
    CHECK(blocked_totals({{"dns", 0}}, seconds(2)) == "nothing in 2 s");
}

TEST_CASE("only so many refused packets are remembered, the last ones", "[blocked]") {
    RecentlyBlocked recent;
    for (std::uint16_t port = 1; port <= 1000; ++port) {
        recent.add({row("dns", "9.9.9.9", port).blocked});
    }
    CHECK(recent.all().size() == RecentlyBlocked::kMost);
    CHECK(recent.all().back().packet.destination_port == 1000);
}

TEST_CASE("a refused packet is the same after its way over the socket", "[blocked]") {
    BlockedPacket sent = row("dns", "2001:db8::9", 53).blocked;
    sent.packet.source = address("2001:db8::1");
    sent.packet.uid = 1000;
    sent.packet.out_interface = "eth0";
    sent.direction = Direction::forward;
    const auto came = blocked_from(to_json(sent));
    REQUIRE(came);
    CHECK(to_json(*came) == to_json(sent));

    CHECK_FALSE(blocked_from(nlohmann::json::object()));
    CHECK_FALSE(blocked_from({{"source", "192.0.2.1"}, {"destination", "::1"}}));
    CHECK(blocked_from({{"source", "192.0.2.1"}, {"destination", "192.0.2.2"}, {"uid", -1}}));
}
