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
                               "10.0.0.0/8x", "2001:db8::1/64", "x", "x/24", "::/x");

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

TEST_CASE("a prefix of full length is one address", "[net]") {
    CHECK(Prefix::parse("203.0.113.7/32") == Prefix::parse("203.0.113.7"));
    CHECK(Prefix::parse("2001:db8::7/128") == Prefix::parse("2001:db8::7"));
}

TEST_CASE("a prefix contains the prefixes within it and no wider one", "[net]") {
    const Prefix prefix = *Prefix::parse("172.16.0.0/12");

    CHECK(prefix.contains(prefix));
    CHECK(prefix.contains(*Prefix::parse("172.24.0.0/13")));
    CHECK_FALSE(prefix.contains(*Prefix::parse("172.0.0.0/11")));
    CHECK_FALSE(prefix.contains(*Prefix::parse("172.32.0.0/13")));
}

TEST_CASE("link-local IPv6 ends where it ends", "[net]") {
    CHECK(link_local6().contains(*IpAddress::parse("fe80::")));
    CHECK(link_local6().contains(*IpAddress::parse("febf:ffff::1")));
    CHECK_FALSE(link_local6().contains(*IpAddress::parse("fe7f:ffff::1")));
    CHECK_FALSE(link_local6().contains(*IpAddress::parse("fec0::")));
}

TEST_CASE("a mask has ones where its prefix has a network", "[net]") {
    CHECK(mask_of(IpFamily::v4, 0).str() == "0.0.0.0");
    CHECK(mask_of(IpFamily::v4, 20).str() == "255.255.240.0");
    CHECK(mask_of(IpFamily::v4, 32).str() == "255.255.255.255");
    CHECK(mask_of(IpFamily::v6, 0).str() == "::");
    CHECK(mask_of(IpFamily::v6, 49).str() == "ffff:ffff:ffff:8000::");
}

TEST_CASE("protocols have nft's words", "[net]") {
    CHECK(proto::name(1) == "icmp");
    CHECK(proto::name(6) == "tcp");
    CHECK(proto::name(17) == "udp");
    CHECK(proto::name(50) == "esp");
    CHECK(proto::name(58) == "ipv6-icmp");
    CHECK(proto::name(47) == "47");
}

TEST_CASE("endpoints print in the notation of the config", "[net]") {
    CHECK(Endpoint{*IpAddress::parse("203.0.113.7"), proto::kUdp, 51820}.str() ==
          "203.0.113.7:51820/udp");
    CHECK(Endpoint{*IpAddress::parse("2001:db8::7"), proto::kTcp, 443}.str() ==
          "[2001:db8::7]:443/tcp");
    CHECK(Endpoint{*IpAddress::parse("198.51.100.9"), proto::kEsp, 0}.str() == "198.51.100.9/esp");
}
