// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "host/learned_store.hpp"
#include "killswitchd/automatic.hpp"
#include "killswitchd/net.hpp"

#include <chrono>
#include <cstddef>
#include <string>

using namespace ks;

namespace {

const LearnedServers kServers{
    {"home",
     {{"uFmW/syJyfxbY9JXKm9V37wn+25h6O4m60Xc4vv8XCc=",
       {*IpAddress::parse("203.0.113.7"), proto::kUdp, 51820},
       std::chrono::system_clock::time_point(std::chrono::seconds(1796026812)),
       "wg0"},
      {"",
       {*IpAddress::parse("2001:db8::7"), proto::kTcp, 443},
       std::chrono::system_clock::time_point(std::chrono::seconds(1796026000)),
       "tun0"}}},
    {"my office",
     {{"198.51.100.9",
       {*IpAddress::parse("198.51.100.9"), proto::kEsp, 0},
       std::chrono::system_clock::time_point(std::chrono::seconds(1796020000)),
       ""}}}};

}  // namespace

TEST_CASE("what was learned is read as it was written", "[learned]") {
    const auto read = parse_learned(learned_text(kServers));

    REQUIRE(read);
    CHECK(*read == kServers);
    CHECK(*parse_learned(learned_text({})) == LearnedServers{});
}

TEST_CASE("a file of learned servers that lost a part is not believed", "[learned][fail-closed]") {
    const std::string text = learned_text(kServers);
    for (std::size_t end = 0; end < text.size(); ++end) {
        CHECK_FALSE(parse_learned(text.substr(0, end)));
    }
    CHECK_FALSE(parse_learned("killswitchd learned 2\nend\n"));
    CHECK_FALSE(parse_learned(
        "killswitchd learned 1\nhome\twg0\tA\t203.0.113.7\t17\t0\t2026-11-30T09:00:00.000Z\nend\n"));
    CHECK_FALSE(parse_learned(
        "killswitchd learned 1\nhome\twg0\tA\t203.0.113.7\t6\t70000\t2026-11-30T09:00:00.000Z\nend\n"));
}

TEST_CASE("a name that could forge a line is not written", "[learned]") {
    LearnedServers servers = kServers;
    servers["home"].front().peer = "a\nend";
    const auto read = parse_learned(learned_text(servers));

    REQUIRE(read);
    CHECK(read->at("home").size() == 1);
}
