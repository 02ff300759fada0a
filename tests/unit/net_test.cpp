// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/net.hpp"

#include <string_view>

using namespace ks;

TEST_CASE("addresses that inet_pton refuses are refused", "[net]") {
    const auto text = GENERATE("", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "::g",
                               "fe80::1%eth0", "[::1]", "1.2.3.4/24");

    CHECK_FALSE(IpAddress::parse(text));
}

TEST_CASE("a NUL inside an address does not hide what follows", "[net]") {
    CHECK_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0evil", 12)));
}

TEST_CASE("prefixes print as they were written", "[net]") {
    const auto text = GENERATE("192.0.2.0/24", "0.0.0.0/0", "203.0.113.7", "2001:db8::/32", "::1");

    const auto prefix = Prefix::parse(text);

    REQUIRE(prefix);
    CHECK(prefix->str() == text);
}

TEST_CASE("a prefix with host bits or an impossible length is refused", "[net]") {
    const auto text = GENERATE("192.0.2.1/24", "192.0.2.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1",
                               "10.0.0.0/8x", "2001:db8::1/64");

    CHECK_FALSE(Prefix::parse(text));
}

TEST_CASE("a prefix contains its first and last address and no neighbour", "[net]") {
    const Prefix prefix = *Prefix::parse("172.16.0.0/12");

    CHECK(prefix.contains(*IpAddress::parse("172.16.0.0")));
    CHECK(prefix.contains(*IpAddress::parse("172.31.255.255")));
    CHECK_FALSE(prefix.contains(*IpAddress::parse("172.32.0.0")));
    CHECK_FALSE(prefix.contains(*IpAddress::parse("172.15.255.255")));
    CHECK_FALSE(prefix.contains(*IpAddress::parse("::ac10:1")));
}

TEST_CASE("endpoints print in the notation of the config", "[net]") {
    CHECK(Endpoint{*IpAddress::parse("203.0.113.7"), proto::kUdp, 51820}.str() ==
          "203.0.113.7:51820/udp");
    CHECK(Endpoint{*IpAddress::parse("2001:db8::7"), proto::kTcp, 443}.str() ==
          "[2001:db8::7]:443/tcp");
    CHECK(Endpoint{*IpAddress::parse("198.51.100.9"), proto::kEsp, 0}.str() == "198.51.100.9/esp");
}
