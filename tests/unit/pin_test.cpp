// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "host/pin.hpp"
#include "killswitchd/net.hpp"

#include <string>
#include <vector>

using namespace ks;

namespace {

const std::vector<Endpoint> kServers{{*IpAddress::parse("203.0.113.7"), proto::kUdp, 51820},
                                     {*IpAddress::parse("2001:db8::7"), proto::kTcp, 443}};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("endpoints are pinned as the list goes on", "[pin]") {
    CHECK(with_pinned("a:\n  - auto  # seen\nb: 1\n", 2, kServers) ==
          Texts{"a:\n  - 203.0.113.7:51820/udp\n  - \"[2001:db8::7]:443/tcp\"\n  - auto  # seen\n"
                "b: 1\n"});
    CHECK(with_pinned("a: [auto]", 1, kServers) ==
          Texts{"a: [203.0.113.7:51820/udp, \"[2001:db8::7]:443/tcp\", auto]"});
    CHECK(with_pinned("a: [auto, auto]\n", 1, {kServers.front()}).size() == 2);
}

TEST_CASE("only the whole word auto of that line is a place to pin", "[pin]") {
    CHECK(with_pinned("a: [auto]\n", 2, kServers).empty());
    CHECK(with_pinned("a: [auto]\n", 9, kServers).empty());
    CHECK(with_pinned("", 1, kServers).empty());
    CHECK(with_pinned("automatic: [xauto, auto0, auto:1]\n", 1, kServers).empty());
}
