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
           const std::string& attributes) {
    nlmsghdr header{};
    header.nlmsg_type = type;
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

    announce(picture, name("port0") + kind("veth") + end());
    CHECK(picture.links().at(kIndex).master == 0);

    announce(picture, name("vlan5") + attribute(IFLA_LINK, number(2)) + kind("vlan") + end());
    CHECK(picture.links().at(kIndex).lower == 2);
    announce(picture, name("vlan5") + attribute(IFLA_LINK, number(2)) + kind("vlan") +
                          attribute(IFLA_LINK_NETNSID, number(0)) + end());
    CHECK(picture.links().at(kIndex).lower == 0);
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
