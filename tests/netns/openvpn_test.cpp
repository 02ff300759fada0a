// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/drill_report.hpp"
#include "support/node_run.hpp"
#include "support/openvpn.hpp"
#include "support/programs.hpp"

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>

#include <fmt/format.h>

using namespace ks;

namespace {

constexpr std::uint32_t kNobody = 65534;
constexpr std::uint16_t kPort = 1194;

Policy openvpn_policy(std::uint8_t protocol) {
    Policy policy = test::demo_policy();
    Tunnel& tunnel = policy.tunnels.front();
    tunnel.name = "office";
    tunnel.interface = "tun0";
    for (Endpoint& endpoint : tunnel.endpoints) {
        endpoint.protocol = protocol;
        endpoint.port = kPort;
    }
    return policy;
}

std::size_t times_connected(drills::Stage& stage) {
    const std::string log = stage.client() != nullptr ? stage.client()->output() : std::string();
    std::size_t times = 0;
    for (auto at = log.find(test::kConnected); at != std::string::npos;
         at = log.find(test::kConnected, at + 1)) {
        ++times;
    }
    return times;
}

/// Probes go on all the while until the client is connected again by itself.
void reconnect(drills::Stage& stage) {
    drills::reach_steady_state(stage);
    if (stage.client() == nullptr) {
        return;
    }
    const std::size_t before = times_connected(stage);
    stage.expect("OpenVPN takes SIGUSR1", stage.client()->signal(SIGUSR1));
    stage.expect("OpenVPN connects again", lab::eventually(test::kPatience, [&] {
                     stage.probe();
                     return times_connected(stage) > before;
                 }));
    stage.await("PROTECTED");
    stage.expect_tunnel_works("after the reconnect");
    stage.probe_guest();
}

constexpr drills::Drill kReconnect{"sigusr1", "reconnect by SIGUSR1",
                                   "OpenVPN begins anew, without or with its tun device.",
                                   lab::Uplinks::configured, reconnect};

}  // namespace

TEST_CASE("OpenVPN over UDP leaks nothing in any drill, and works again after each", "[openvpn]") {
    test::require_programs({"openvpn", "openssl"});

    test::play_all("openvpn udp", openvpn_policy(proto::kUdp),
                   test::openvpn(test::TunDevice::reopened));
}

TEST_CASE("OpenVPN over TCP leaks nothing in any drill, and works again after each", "[openvpn]") {
    test::require_programs({"openvpn", "openssl"});

    test::play_all("openvpn tcp", openvpn_policy(proto::kTcp),
                   test::openvpn(test::TunDevice::kept));
}

TEST_CASE("OpenVPN as its own user, known by that alone, leaks nothing in any drill", "[openvpn]") {
    test::require_programs({"openvpn", "openssl", "setpriv"});
    Policy policy = openvpn_policy(proto::kUdp);
    policy.tunnels.front().only = {};
    policy.tunnels.front().only.user = kNobody;

    test::play_all("openvpn user", policy, test::openvpn(test::TunDevice::kept));
}

TEST_CASE("OpenVPN's reconnect leaks nothing, whether or not the tun device stays", "[openvpn]") {
    test::require_programs({"openvpn", "openssl"});
    const auto tun = GENERATE(test::TunDevice::reopened, test::TunDevice::kept);

    test::play_one(tun == test::TunDevice::kept ? "openvpn persist-tun" : "openvpn", kReconnect,
                   openvpn_policy(proto::kUdp), test::openvpn(tun));
}

TEST_CASE("OpenVPN leaks nothing over IPv6 and with IPv6 in the tunnel", "[openvpn][long]") {
    test::require_programs({"openvpn", "openssl"});
    if (!test::long_run()) {
        return;
    }
    const std::uint8_t protocol = GENERATE(proto::kUdp, proto::kTcp);
    Policy policy = openvpn_policy(protocol);
    policy.ipv6 = Ipv6::tunnel;
    policy.tunnels.front().endpoints = {{lab::ip("2001:db8:9::7"), protocol, kPort},
                                        {lab::ip("203.0.113.7"), protocol, kPort}};

    test::play_all(fmt::format("openvpn ipv6 {}", proto::name(protocol)), policy,
                   test::openvpn(test::TunDevice::reopened));
}

TEST_CASE("OpenVPN's reconnects leak nothing over TCP either", "[openvpn][long]") {
    test::require_programs({"openvpn", "openssl"});
    if (!test::long_run()) {
        return;
    }
    const auto tun = GENERATE(test::TunDevice::reopened, test::TunDevice::kept);

    test::play_one(tun == test::TunDevice::kept ? "openvpn tcp persist-tun" : "openvpn tcp",
                   kReconnect, openvpn_policy(proto::kTcp), test::openvpn(tun));
}
