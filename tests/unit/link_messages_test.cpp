// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "kernel/link_messages.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

using namespace ks;

namespace {

constexpr int kIndex = 7;

std::string number(std::uint32_t value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string attribute(std::uint16_t type, const std::string& payload) {
    rtattr header{};
    header.rta_type = type;
    header.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(payload.size()));
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    bytes += payload;
    bytes.resize(RTA_ALIGN(header.rta_len));
    return bytes;
}

std::string name(const std::string& text) {
    return attribute(IFLA_IFNAME, text + '\0');
}

std::string kind(const std::string& text) {
    return attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text));
}

/// What the kernel ends a whole message with, as far as it matters here.
std::string end() {
    return attribute(IFLA_AF_SPEC, {});
}

template <class Body>
void apply(LinkPicture& picture, std::uint16_t type, const Body& body,
           const std::string& attributes, std::uint16_t flags = 0) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof body) + attributes.size());
    std::vector<char> message(NLMSG_ALIGN(header.nlmsg_len));
    std::memcpy(message.data(), &header, sizeof header);
    std::memcpy(message.data() + NLMSG_HDRLEN, &body, sizeof body);
    std::memcpy(message.data() + NLMSG_LENGTH(sizeof body), attributes.data(), attributes.size());
    picture.apply(*reinterpret_cast<const nlmsghdr*>(message.data()));
}

/// One RTM_NEWLINK about link kIndex, which is up.
void announce(LinkPicture& picture, const std::string& attributes) {
    ifinfomsg link{};
    link.ifi_family = AF_UNSPEC;
    link.ifi_index = kIndex;
    link.ifi_flags = IFF_UP;
    apply(picture, RTM_NEWLINK, link, attributes);
}

/// An IPv4 address of link kIndex, with a peer where that is another one.
void address(LinkPicture& picture, std::uint16_t type, const std::string& own,
             const std::string& peer, std::uint8_t length) {
    const auto bytes = [](const std::string& text) {
        const auto parsed = IpAddress::parse(text).value();
        return std::string(reinterpret_cast<const char*>(parsed.bytes.data()), parsed.size());
    };
    ifaddrmsg header{};
    header.ifa_family = AF_INET;
    header.ifa_prefixlen = length;
    header.ifa_index = kIndex;
    apply(picture, type, header,
          attribute(IFA_ADDRESS, bytes(peer)) + attribute(IFA_LOCAL, bytes(own)));
}

/// An IPv4 route by link kIndex.
void route(LinkPicture& picture, std::uint16_t type, const std::string& to, std::uint8_t length,
           std::uint8_t origin, std::uint32_t metric, std::uint16_t flags = 0) {
    const auto parsed = IpAddress::parse(to).value();
    rtmsg header{};
    header.rtm_family = AF_INET;
    header.rtm_dst_len = length;
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_protocol = origin;
    header.rtm_type = RTN_UNICAST;
    apply(picture, type, header,
          attribute(RTA_DST, std::string(reinterpret_cast<const char*>(parsed.bytes.data()),
                                         parsed.size())) +
              attribute(RTA_OIF, number(kIndex)) + attribute(RTA_PRIORITY, number(metric)),
          flags);
}

/// Those of link kIndex.
std::string addresses(const LinkPicture& picture) {
    std::string text;
    for (const Prefix& own : picture.links().at(kIndex).addresses) {
        text += (text.empty() ? "" : " ") + own.str();
    }
    return text;
}

}  // namespace

TEST_CASE("a whole message says what a link is", "[links]") {
    LinkPicture picture;
    announce(picture, name("port0") + attribute(IFLA_MASTER, number(3)) + kind("veth") + end());
    Link port{"port0", "veth", true, {}};
    port.master = 3;
    CHECK(picture.links().at(kIndex) == port);

    announce(picture, name("port0") + attribute(IFLA_GROUP, number(7)) + kind("veth") + end());
    CHECK(picture.links().at(kIndex).group == 7);

    announce(picture, name("port0") + kind("veth") + end());
    CHECK(picture.links().at(kIndex).master == 0);

    announce(picture, name("vlan5") + attribute(IFLA_LINK, number(2)) + kind("vlan") + end());
    CHECK(picture.links().at(kIndex).lower == 2);
    announce(picture, name("vlan5") + attribute(IFLA_LINK, number(2)) + kind("vlan") +
                          attribute(IFLA_LINK_NETNSID, number(0)) + end());
    CHECK(picture.links().at(kIndex).lower == 0);
}

TEST_CASE("routes to less than everything are those that somebody has set", "[links][routes]") {
    LinkPicture picture;
    announce(picture, name("eth0") + end());
    constexpr std::uint8_t kLength = 24;
    const auto routes = [&] { return picture.links().at(kIndex).routes; };
    const LinkRoute known{*Prefix::parse("198.51.100.0/24"), RTPROT_DHCP};
    route(picture, RTM_NEWROUTE, "198.51.100.0", kLength, RTPROT_DHCP, 100);
    CHECK(routes() == std::vector<LinkRoute>{known});

    SECTION("the same with another metric is one") {
        route(picture, RTM_NEWROUTE, "198.51.100.0", kLength, RTPROT_DHCP, 200);
        CHECK(routes() == std::vector<LinkRoute>{known});
        route(picture, RTM_DELROUTE, "198.51.100.0", kLength, RTPROT_DHCP, 100);
        CHECK(routes() == std::vector<LinkRoute>{known});
        route(picture, RTM_DELROUTE, "198.51.100.0", kLength, RTPROT_DHCP, 200);
        CHECK(routes().empty());
    }
    SECTION("those of the kernel and of routing daemons are not told of") {
        for (const int origin : {RTPROT_KERNEL, RTPROT_BIRD, RTPROT_ZEBRA}) {
            route(picture, RTM_NEWROUTE, "203.0.113.0", kLength, static_cast<std::uint8_t>(origin),
                  100);
        }
        CHECK(routes() == std::vector<LinkRoute>{known});
    }
    SECTION("what is malformed is none") {
        route(picture, RTM_NEWROUTE, "203.0.113.0", 33, RTPROT_DHCP, 100);
        CHECK(routes() == std::vector<LinkRoute>{known});
    }
    SECTION("a replaced one is gone without a word") {
        route(picture, RTM_NEWROUTE, "198.51.100.0", kLength, RTPROT_BOOT, 100, NLM_F_REPLACE);
        CHECK(routes() == std::vector<LinkRoute>{{known.to, RTPROT_BOOT}});
    }
    SECTION("they end with the link") {
        ifinfomsg down{};
        down.ifi_index = kIndex;
        apply(picture, RTM_NEWLINK, down, name("eth0") + end());
        CHECK(routes().empty());
    }
    SECTION("there is an end to them") {
        for (int i = 0; i < 200; ++i) {
            const std::string to = "10." + std::to_string(i) + ".0.0";
            route(picture, RTM_NEWROUTE, to, 16, RTPROT_STATIC, 0);
        }
        CHECK(routes().size() == kMostRoutes);
    }
}

TEST_CASE("a way out that moves to another namespace is told once", "[links]") {
    LinkPicture picture;
    ifinfomsg gone{};
    gone.ifi_index = kIndex;
    const std::string moved = attribute(IFLA_NEW_NETNSID, number(1));
    announce(picture, name("eth0") + end());
    apply(picture, RTM_DELLINK, gone, name("eth0") + moved);
    CHECK(picture.take_moved() == std::vector<std::string>{"eth0"});
    CHECK(picture.take_moved().empty());

    announce(picture, name("eth0") + end());
    apply(picture, RTM_DELLINK, gone, name("eth0"));
    announce(picture, name("veth1") + kind("veth") + end());
    apply(picture, RTM_DELLINK, gone, name("veth1") + moved);
    CHECK(picture.take_moved().empty());
}

TEST_CASE("a program of XDP is seen, and its end", "[links]") {
    LinkPicture picture;
    const auto attached = [](char how) {
        return attribute(IFLA_XDP | NLA_F_NESTED,
                         attribute(IFLA_XDP_ATTACHED, std::string(1, how)));
    };
    announce(picture, name("eth0") + attached(XDP_ATTACHED_SKB) + end());
    CHECK(picture.links().at(kIndex).xdp);
    announce(picture, name("eth0") + attached(XDP_ATTACHED_NONE) + end());
    CHECK_FALSE(picture.links().at(kIndex).xdp);
    announce(picture, name("eth0") + end());
    CHECK_FALSE(picture.links().at(kIndex).xdp);
}

TEST_CASE("a VLAN has the tag of its frames", "[links]") {
    const auto tag = [](const std::string& data) {
        LinkPicture picture;
        announce(picture, name("vlan5") +
                              attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, "vlan") +
                                                           attribute(IFLA_INFO_DATA, data)) +
                              end());
        return picture.links().at(kIndex).vlan;
    };
    const std::string id = attribute(IFLA_VLAN_ID, std::string("\x05\0", 2));
    const std::string type = attribute(IFLA_VLAN_PROTOCOL, "\x88\xa8");

    CHECK(tag(id + type) == VlanTag{0x88a8, 5});
    CHECK(tag(id) == VlanTag{0, 5});
    CHECK(tag(attribute(IFLA_VLAN_ID, "x") + type) == VlanTag{0x88a8, 0});
}

TEST_CASE("a message that is not whole changes nothing", "[links][fail-closed]") {
    LinkPicture picture;
    announce(picture, name("port0") + attribute(IFLA_MASTER, number(3)) +
                          attribute(IFLA_LINK, number(2)) + kind("vlan") + end());
    const Link before = picture.links().at(kIndex);
    REQUIRE(before.master == 3);
    REQUIRE(before.lower == 2);

    SECTION("a wireless event") {
        announce(picture, name("port0") + attribute(IFLA_WIRELESS, "scan"));
    }
    SECTION("one with a size but without the end") {
        announce(picture, name("port0") + attribute(IFLA_MTU, number(1500)));
    }
    SECTION("one that ends before it says that the lower device is elsewhere") {
        announce(picture, name("port0") + attribute(IFLA_LINK, number(5)) + kind("vlan"));
    }
    SECTION("one whose master is half a number") {
        announce(picture, name("port0") + attribute(IFLA_MASTER, "\1\0") + kind("vlan") + end());
    }
    SECTION("one without a name") {
        announce(picture, kind("vlan") + end());
    }
    CHECK(picture.links().at(kIndex) == before);
}

TEST_CASE("a link that no whole message has announced is not known", "[links][fail-closed]") {
    LinkPicture picture;
    announce(picture, name("tun0"));
    announce(picture, name("tun0") + kind("tun"));

    CHECK(picture.links().empty());
}

TEST_CASE("every beginning of a message is either the whole or nothing", "[links][fail-closed]") {
    const std::string whole = name("vlan5") + attribute(IFLA_LINK, number(2)) +
                              attribute(IFLA_MASTER, number(3)) + kind("vlan") +
                              attribute(IFLA_LINK_NETNSID, number(0)) + end();
    for (std::size_t length = 0; length < whole.size(); ++length) {
        LinkPicture picture;
        announce(picture, whole.substr(0, length));
        INFO(length);
        CHECK(picture.links().empty());
    }
    LinkPicture picture;
    announce(picture, whole);
    CHECK(picture.links().size() == 1);
}

TEST_CASE("a link has the addresses that came and did not go, sorted", "[links]") {
    LinkPicture picture;
    announce(picture, name("eth0") + end());
    for (const char* const own : {"10.0.2.1", "10.0.0.1", "10.0.1.1", "10.0.0.1"}) {
        address(picture, RTM_NEWADDR, own, own, 24);
    }
    CHECK(addresses(picture) == "10.0.0.1/24 10.0.1.1/24 10.0.2.1/24");

    address(picture, RTM_DELADDR, "10.0.1.1", "10.0.1.1", 24);
    address(picture, RTM_DELADDR, "10.0.1.1", "10.0.1.1", 24);
    address(picture, RTM_DELADDR, "10.0.0.1", "10.0.0.1", 25);  // Has another length.
    address(picture, RTM_DELADDR, "10.0.9.1", "10.0.9.1", 24);  // Was never there.
    CHECK(addresses(picture) == "10.0.0.1/24 10.0.2.1/24");
}

TEST_CASE("an address with two peers stays until both are gone", "[links]") {
    LinkPicture picture;
    announce(picture, name("ppp0") + end());
    for (const char* const peer : {"10.0.0.9", "10.0.0.7"}) {
        address(picture, RTM_NEWADDR, "10.0.0.1", peer, 32);
    }
    CHECK(addresses(picture) == "10.0.0.1");

    address(picture, RTM_DELADDR, "10.0.0.1", "10.0.0.7", 32);
    CHECK(addresses(picture) == "10.0.0.1");
    address(picture, RTM_DELADDR, "10.0.0.1", "10.0.0.9", 32);
    CHECK(addresses(picture).empty());
}
