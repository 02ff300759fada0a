// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/ipsec_monitor.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/tunnels.hpp"
#include "support/private_network.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sys/socket.h>

using namespace ks;
using namespace ks::test;

namespace {

constexpr int kSkipped = 77;
constexpr const char* kGateway = "198.51.100.9";
constexpr const char* kSelector = "src 10.8.0.2/32 dst 0.0.0.0/0";

IpsecMonitor open_monitor() {
    enter_private_network();
    need_programs({"ip"});
    auto monitor = IpsecMonitor::open();
    if (!monitor && monitor.error().sys_errno == EPROTONOSUPPORT) {
        std::exit(kSkipped);
    }
    if (!monitor) {
        FAIL(monitor.error().message());
    }
    return *std::move(monitor);
}

bool drained(IpsecMonitor& monitor) {
    const auto changed = monitor.drain();
    REQUIRE(changed);
    return *changed;
}

std::string tunnel_to(const std::string& gateway) {
    return fmt::format("tmpl src 192.0.2.2 dst {} proto esp reqid 1 mode tunnel", gateway);
}

void add(const std::string& rest, const char* selector = kSelector) {
    must(fmt::format("ip xfrm policy add {} {}", selector, rest));
}

IpsecGateways gateways(const std::vector<const char*>& texts) {
    IpsecGateways all;
    for (const char* const text : texts) {
        all.push_back(IpAddress::parse(text).value());
    }
    return all;
}

}  // namespace

TEST_CASE("a gateway is seen as soon as a policy encrypts to it, and no longer", "[ipsec]") {
    IpsecMonitor monitor = open_monitor();
    REQUIRE(monitor.gateways().empty());
    CHECK_FALSE(drained(monitor));

    add(fmt::format("dir out {}", tunnel_to(kGateway)));
    CHECK(drained(monitor));
    CHECK(monitor.gateways() == gateways({kGateway}));
    const auto later = IpsecMonitor::open();
    REQUIRE(later);
    CHECK(later->gateways() == monitor.gateways());

    const char* const removal =
        GENERATE("ip xfrm policy delete src 10.8.0.2/32 dst 0.0.0.0/0 dir out",
                 "ip xfrm policy flush", "ip xfrm policy deleteall");
    must(removal);
    CHECK(drained(monitor));
    CHECK(monitor.gateways().empty());
}

TEST_CASE("a policy that does not encrypt what leaves to a gateway is none",
          "[ipsec][fail-closed]") {
    IpsecMonitor monitor = open_monitor();
    add(fmt::format("dir out {}", tunnel_to(kGateway)));
    REQUIRE(drained(monitor));
    must("ip xfrm policy flush");
    REQUIRE(drained(monitor));
    const std::string other =
        GENERATE("dir in tmpl src 198.51.100.9 dst 192.0.2.2 proto esp mode tunnel",
                 "dir fwd tmpl src 192.0.2.2 dst 198.51.100.9 proto esp mode tunnel", "dir out",
                 "dir out action block tmpl src 192.0.2.2 dst 198.51.100.9 proto esp mode tunnel",
                 "dir out tmpl src 192.0.2.2 dst 198.51.100.9 proto ah mode tunnel",
                 "dir out tmpl src 192.0.2.2 dst 198.51.100.9 proto comp mode tunnel",
                 "dir out tmpl proto esp mode transport",
                 "dir out if_id 5 tmpl src 192.0.2.2 dst 198.51.100.9 proto esp mode tunnel");
    CAPTURE(other);

    add(other);

    CHECK_FALSE(drained(monitor));
    CHECK(monitor.gateways().empty());
}

TEST_CASE("gateways of both families are seen, and one that a policy changes to", "[ipsec]") {
    IpsecMonitor monitor = open_monitor();
    add(fmt::format("dir out {}", tunnel_to(kGateway)));
    add("dir out tmpl src 2001:db8::2 dst 2001:db8::9 proto esp mode tunnel",
        "src 10.8.0.2/32 dst 10.0.0.0/8");
    CHECK(drained(monitor));
    CHECK(monitor.gateways() == gateways({kGateway, "2001:db8::9"}));

    must(fmt::format("ip xfrm policy update {} dir out {}", kSelector, tunnel_to("198.51.100.77")));

    CHECK(drained(monitor));
    CHECK(monitor.gateways() == gateways({"198.51.100.77", "2001:db8::9"}));
}

TEST_CASE("an overrun is made good by reading anew", "[ipsec]") {
    IpsecMonitor monitor = open_monitor();
    constexpr int kSmall = 2304;
    constexpr int kMany = 200;
    REQUIRE(setsockopt(monitor.fd(), SOL_SOCKET, SO_RCVBUF, &kSmall, sizeof kSmall) == 0);
    std::string batch;
    for (int i = 0; i < kMany; ++i) {
        batch += fmt::format("xfrm policy add src 10.8.0.2/32 dst 10.9.{}.0/24 dir out {}\n", i,
                             tunnel_to(kGateway));
    }
    REQUIRE(run_with_input("ip -batch -", batch).status == 0);

    CHECK(drained(monitor));

    CHECK(monitor.gateways() == gateways({kGateway}));
    must("ip xfrm policy flush");
    CHECK(drained(monitor));
    CHECK(monitor.gateways().empty());
}

TEST_CASE("more gateways than fit do not grow without bound", "[ipsec]") {
    IpsecMonitor monitor = open_monitor();
    constexpr std::size_t kMost = 4096;
    std::string batch;
    for (std::size_t i = 0; i < kMost + 10; ++i) {
        const std::string host = fmt::format("{}.{}", i / 250, i % 250 + 1);
        batch += fmt::format("xfrm policy add src 10.8.0.2/32 dst 10.{}/32 dir out {}\n",
                             fmt::format("9.{}", host), tunnel_to("203.0." + host));
    }
    REQUIRE(run_with_input("ip -batch -", batch).status == 0);

    CHECK(drained(monitor));

    CHECK(monitor.gateways().size() == kMost);
}
