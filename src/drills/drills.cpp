// SPDX-License-Identifier: GPL-2.0-or-later
#include "drills.hpp"

#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/flood.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/tcp_flow.hpp"
#include "killswitchd/net.hpp"
#include "stage.hpp"

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <fmt/format.h>

namespace ks::drills {

namespace {

using lab::Uplinks;

bool is_dns(const lab::Probe& probe) {
    return probe.packet == lab::Packet::dns_udp || probe.packet == lab::Packet::dns_tcp ||
           probe.port == 53 || probe.port == 853;
}

bool is_v6(const lab::Probe& probe) {
    return probe.to.family == IpFamily::v6;
}

void boot_window(Stage& stage) {
    if (stage.armed() == Armed::yes) {
        stage.expect("`killswitchd boot` loads the lock", stage.command("boot") == 0);
    }
    stage.start_counting();
    stage.probe();
    stage.expect("the first uplink comes up", stage.lab().configure_uplink(0));
    stage.probe();
    stage.expect("the second uplink comes up", stage.lab().configure_uplink(1));
    stage.probe();
    stage.probe_guest();
    stage.start_server();
    stage.start_service();
    stage.probe();
    stage.connect();
    stage.probe();
}

void steady_state(Stage& stage) {
    stage.start_server();
    auto flow = lab::TcpFlow::open(stage.lab(), stage.lab().host(), lab::ip(lab::addr::kInternet));
    stage.expect("a TCP connection can be opened before the lock", static_cast<bool>(flow));
    stage.start_service();
    stage.start_counting();
    if (flow) {
        static_cast<void>(flow->push());
        static_cast<void>(flow->receive_push());
    }
    stage.connect();
    stage.probe();
    stage.probe_guest();
    if (flow) {
        static_cast<void>(flow->push());
        static_cast<void>(flow->receive_push());
    }
    stage.expect_tunnel_works("at the end");
}

void hard_disconnect(Stage& stage) {
    reach_steady_state(stage);
    stage.expect("the tunnel interface is torn away",
                 stage.lab().host().net().delete_link(stage.interface()));
    stage.probe();
    stage.probe_guest();
    stage.await("LOCKED");
    stage.probe();
    stage.connect();
    stage.probe();
}

void process_killed(Stage& stage) {
    reach_steady_state(stage);
    if (stage.client()) {
        stage.client()->kill();
    }
    stage.probe();
    stage.probe_guest();
    stage.await("LOCKED");
    stage.probe();
    stage.connect();
    stage.probe();
}

void process_stalled(Stage& stage) {
    reach_steady_state(stage);
    if (stage.client()) {
        stage.expect("the VPN process stops", stage.client()->stop());
    }
    stage.probe();
    stage.probe_guest();
    if (stage.client()) {
        stage.expect("the VPN process goes on", stage.client()->resume());
    }
    stage.expect_tunnel_works("after the stall");
}

void server_switch(Stage& stage) {
    reach_steady_state(stage);
    for (std::size_t server = 1; server <= 3; ++server) {
        stage.disconnect();
        stage.probe();
        stage.await("LOCKED");
        stage.probe_guest();
        stage.connect(server);
        stage.probe();
    }
}

void dns_during_reconnect(Stage& stage) {
    reach_steady_state(stage);
    for (int round = 0; round < 3; ++round) {
        if (stage.client()) {
            stage.client()->kill();
        }
        stage.probe(is_dns);
        stage.await("LOCKED");
        stage.probe(is_dns);
        stage.connect();
        stage.probe(is_dns);
    }
}

void ipv6(Stage& stage) {
    stage.start_server();
    stage.start_service();
    stage.start_counting();
    stage.probe(is_v6);
    stage.connect();
    stage.probe(is_v6);
    if (stage.client()) {
        stage.client()->kill();
    }
    stage.probe(is_v6);
    stage.probe_guest();
}

/// What TunnelCrack and TunnelVision let a DHCP server do: its own link and its own routes lead to
/// the probes' targets.
void hostile_network(Stage& stage) {
    reach_steady_state(stage);
    lab::NetConfig& net = stage.lab().host().net();
    const std::string& uplink = stage.lab().uplink(0);
    const IpAddress claimed = lab::ip("198.51.100.77");
    constexpr std::uint8_t kClaimedLength = 24;
    const auto router = stage.lab().provider().net().mac("wan0");
    if (!router) {
        return stage.expect("the router has an address", Status(router.error()));
    }
    stage.expect("DHCP calls the internet local", net.add_address(uplink, claimed, kClaimedLength));
    stage.expect("the router answers for it",
                 net.add_neighbour(uplink, lab::ip(lab::addr::kInternet), *router));
    const lab::Route advertised{.to = *Prefix::parse("2001:db8:100::/48"),
                                .device = uplink,
                                .gateway = lab::ip(lab::addr::kRouter6[0])};
    stage.expect("a router advertisement adds a route", net.add_route(advertised));
    stage.probe();
    stage.probe_guest();
    stage.expect("the route goes", net.delete_route(advertised));
    stage.expect("the claim goes", net.delete_address(uplink, claimed, kClaimedLength));
    stage.expect_tunnel_works("after the attack");
}

void guest_traffic(Stage& stage) {
    stage.start_server();
    stage.start_service();
    stage.start_counting();
    stage.probe_guest();
    stage.connect();
    stage.probe_guest();
    stage.expect_guest_works("after connecting");
    if (stage.client()) {
        stage.client()->kill();
    }
    stage.probe_guest();
    stage.await("LOCKED");
    stage.connect();
    stage.expect_guest_works("after reconnecting");
    stage.probe_guest();
}

void service_killed(Stage& stage) {
    reach_steady_state(stage);
    stage.kill_service();
    stage.probe();
    if (stage.client()) {
        stage.client()->kill();
    }
    stage.probe();
    stage.probe_guest();
    stage.start_service();
    stage.connect();
    stage.probe();
}

void reload_under_flood(Stage& stage) {
    constexpr int kReloads = 40;
    constexpr std::uint16_t kPort = 5201;
    reach_steady_state(stage);
    lab::Lab& lab = stage.lab();
    // What leaves is captured, frame by frame: more than the capture can read proves nothing.
    constexpr std::uint64_t kCaptured = 20'000;
    const auto flood = [&](const std::string& device, std::uint64_t per_second) {
        const lab::ActAs sender(stage.expected().prober());
        return lab::Flood::start(lab.host(), lab::ip(lab::addr::kInternet), kPort,
                                 {.device = device, .per_second = per_second});
    };
    // What the config lets out is captured as well.
    const bool all_blocked = stage.armed() == Armed::yes && stage.expected().allowances() == 0;
    auto blocked = flood(lab.uplink(0), all_blocked ? 0 : kCaptured);
    auto allowed = flood(stage.interface(), kCaptured);
    for (int i = 0; i < kReloads; ++i) {
        stage.use_variant(i % 2 == 0);
        stage.expect("the config reloads", stage.command("reload") == 0);
    }
    if (blocked && allowed) {
        const lab::FloodCount through = allowed->stop();
        stage.count_flood(blocked->tag(), blocked->stop());
        stage.expect(fmt::format("the tunnel's traffic suffers nothing from {} reloads ({} of {} "
                                 "packets refused)",
                                 kReloads, through.refused, through.sent + through.refused),
                     through.refused == 0 && through.sent > 0);
    } else {
        stage.expect("the floods start", false);
    }
    stage.probe();
    stage.expect_tunnel_works("after the reloads");
}

constexpr std::array kDrills{
    Drill{"boot", "boot window",
          "The machine starts: programs talk as soon as a network card is up, long before the VPN.",
          Uplinks::bare, boot_window},
    Drill{"steady", "steady state",
          "The VPN is up. Programs bind to the network card, an old connection goes on, a guest "
          "asks its way.",
          Uplinks::configured, steady_state},
    Drill{"disconnect", "hard disconnect",
          "The tunnel interface vanishes. Routes fall back to the network card.",
          Uplinks::configured, hard_disconnect},
    Drill{"killed", "VPN process killed",
          "The VPN program crashes and takes its interface with it.", Uplinks::configured,
          process_killed},
    Drill{"stalled", "VPN process stopped",
          "The tunnel looks up, but nothing comes through. Programs try another way.",
          Uplinks::configured, process_stalled},
    Drill{"switch", "server switch",
          "The VPN disconnects in good order and connects to another server, three times.",
          Uplinks::configured, server_switch},
    Drill{"dns", "DNS during reconnect",
          "While the VPN reconnects, names are looked up at the router and at public resolvers.",
          Uplinks::configured, dns_during_reconnect},
    Drill{"ipv6", "IPv6", "The provider speaks IPv6, the VPN may not.", Uplinks::configured, ipv6},
    Drill{"network", "hostile network",
          "The Wi-Fi hands out addresses and routes that lead past the VPN (TunnelCrack, "
          "TunnelVision).",
          Uplinks::configured, hostile_network},
    Drill{"guest", "guest traffic",
          "A container or virtual machine goes on talking while the VPN comes and goes.",
          Uplinks::configured, guest_traffic},
    Drill{"service", "kill switch service killed",
          "killswitchd itself is killed, then the VPN. Only the kernel is left.",
          Uplinks::configured, service_killed},
    Drill{"reload", "config reload under a flood",
          "The rules change again and again while packets pour at them.", Uplinks::configured,
          reload_under_flood},
};

}  // namespace

std::span<const Drill> all() {
    return kDrills;
}

void reach_steady_state(Stage& stage) {
    stage.start_server();
    stage.start_service();
    stage.start_counting();
    stage.connect();
}

}  // namespace ks::drills
