// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/drills/stage.hpp"
#include "catch.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/lab/capture.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/name_zone.hpp"
#include "support/node_run.hpp"
#include "support/openvpn.hpp"
#include "support/programs.hpp"
#include "support/scene.hpp"
#include "support/wireguard.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace ks;
using namespace ks::test;

namespace {

constexpr const char* kResolver = "9.9.9.9";
constexpr const char* kName = "vpn.example.net";
constexpr std::uint32_t kAsker = 64731;  ///< Nobody else's uid.
constexpr std::array<const char*, 2> kServers{"203.0.113.7", "203.0.113.8"};

/// Where the lab's VPN server is; the config has only its name.
Policy lab_policy(std::uint16_t port) {
    Policy policy = tun_policy();
    policy.tunnels.front().endpoints.clear();
    for (const char* const server : kServers) {
        policy.tunnels.front().endpoints.push_back({lab::ip(server), proto::kUdp, port});
    }
    return policy;
}

Policy by_name(Policy policy) {
    Tunnel& tunnel = policy.tunnels.front();
    tunnel.names = {{kName, proto::kUdp, tunnel.endpoints.front().port}};
    tunnel.endpoints.clear();
    policy.bootstrap.servers = {lab::ip(kResolver)};
    policy.bootstrap.user = kAsker;
    return policy;
}

void configure(lab::Lab& lab, const Policy& policy) {
    std::ofstream(lab.scratch_from_outside() + "/killswitchd.yaml") << config_text(policy);
}

std::vector<NameZone::Record> zone_of(const std::string& address) {
    return {{kName, address}};
}

/// The frames since `position` that are neither the tunnel's nor what a link needs.
std::vector<lab::FrameInfo> strays(lab::Lab& lab, std::size_t position) {
    must(lab.capture().settle());
    REQUIRE(lab.capture().stats().lost == 0);
    lab::Permitted permitted;
    permitted.endpoints = lab.options().endpoints;
    return lab.capture().outside(permitted, position);
}

bool is_question(const lab::FrameInfo& frame) {
    return frame.destination == lab::ip(kResolver) && frame.destination_port == 53;
}

/// Fails unless all that left, but the tunnel's, were questions to the resolver, and there were.
void check_only_questions(lab::Lab& lab, std::size_t position) {
    std::size_t questions = 0;
    for (const lab::FrameInfo& frame : strays(lab, position)) {
        INFO(lab::describe(frame));
        CHECK(is_question(frame));
        ++questions;
    }
    CHECK(questions > 0);
}

void check_only_asked_for(const NameZone& zone, const std::string& name) {
    const std::vector<std::string> asked = zone.asked();
    CHECK_FALSE(asked.empty());
    CHECK(std::ranges::all_of(asked, [&](const std::string& one) { return one == name; }));
}

/// Whether a question of this user to the resolver leaves the host.
bool asks(Scene& scene, std::uint32_t user, lab::Packet packet, const char* server = kResolver) {
    const SocketOwner owner(user);
    return scene.escapes(scene.host(), packet, server, 53, lab::Via::uplink);
}

std::string read(const std::string& path) {
    std::ifstream stream(path);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// From here on the lab's /etc is a copy of its own, for its hosts file.
std::string use_own_etc(lab::Lab& lab) {
    must_run(lab.host(), {"sh", "-c",
                          fmt::format("cp -a /etc {0}/etc && mount --bind {0}/etc /etc && "
                                      "echo 192.0.2.77 kept.example >> /etc/hosts",
                                      lab.scratch())});
    const std::string hosts = lab.scratch_from_outside() + "/etc/hosts";
    REQUIRE(read(hosts).ends_with("kept.example\n"));
    REQUIRE_FALSE(read("/etc/hosts").ends_with("kept.example\n"));
    return hosts;
}

/// A VPN whose client knows its server by name alone, while the server moves and all is locked.
void follow_the_name(const drills::MakeVpn& make_vpn, std::uint16_t port) {
    auto built = drills::Stage::build(lab_policy(port), drills::Armed::yes, killswitchd(),
                                      {.make_vpn = make_vpn});
    if (!built) {
        FAIL(built.error().message());
    }
    drills::Stage& stage = *built;
    lab::Lab& lab = stage.lab();
    const std::string hosts = use_own_etc(lab);
    Policy policy = by_name(lab_policy(port));
    policy.bootstrap.hosts = true;
    configure(lab, policy);
    NameZone zone(lab, kResolver, zone_of(kServers[0]));
    stage.start_server();
    CHECK(stage.command("boot") == 0);
    must(lab.capture().settle());
    const std::size_t begin = lab.capture().size();
    stage.start_service();
    const auto published = [&](const char* server) {
        return lab::eventually(kPatience, [&] {
            return read(hosts).find(fmt::format("{} {}\n", server, kName)) != std::string::npos;
        });
    };

    REQUIRE(published(kServers[0]));
    stage.connect(0);
    zone.answer(zone_of(kServers[1]));
    REQUIRE(stage.client() != nullptr);
    stage.client()->kill();
    stage.await("LOCKED");
    CHECK(published(kServers[1]));
    stage.connect(1);

    const drills::Tally tally = stage.take_tally();
    INFO(fmt::format("{}\n{}", fmt::join(tally.failures, "\n"), stage.service_log()));
    CHECK(tally.failures.empty());
    check_only_questions(lab, begin);
    check_only_asked_for(zone, kName);
    CHECK(read(hosts).find(fmt::format("{} {}\n", kServers[0], kName)) == std::string::npos);
    CHECK(stage.command("disarm") == 0);
    CHECK(read(hosts).find(kName) == std::string::npos);
    CHECK(read(hosts).ends_with("kept.example\n"));
}

}  // namespace

TEST_CASE("while locked only the endpoint's name is asked, by one user, of one resolver",
          "[names]") {
    Scene scene(lab_policy(51820));
    configure(scene.lab(), by_name(lab_policy(51820)));
    NameZone zone(scene.lab(), kResolver, zone_of(kServers[0]));
    REQUIRE(scene.stage().command("boot") == 0);  // What the host said before is none of ours.
    must(scene.lab().capture().settle());
    const std::size_t begin = scene.lab().capture().size();

    scene.lock();

    REQUIRE(scene.await_rules_with(kServers[0]));
    check_only_questions(scene.lab(), begin);
    check_only_asked_for(zone, kName);
    for (const lab::Packet packet : {lab::Packet::dns_udp, lab::Packet::dns_tcp}) {
        CHECK(asks(scene, kAsker, packet));
        CHECK_FALSE(asks(scene, 0, packet));
        CHECK_FALSE(asks(scene, kAsker, packet, "149.112.112.112"));
    }
    CHECK(scene.stage().ask({"endpoints"}).find("dns: vpn.example.net") != std::string::npos);

    scene.stage().connect();
    CHECK(scene.await_rules_without(kResolver));
    CHECK_FALSE(asks(scene, kAsker, lab::Packet::dns_udp));
    scene.check_steps();
}

TEST_CASE("without the lock everybody asks whom he likes", "[names]") {
    Scene scene(lab_policy(51820), drills::Armed::no);
    configure(scene.lab(), by_name(lab_policy(51820)));
    scene.lock();

    CHECK(asks(scene, 0, lab::Packet::dns_udp));
    CHECK(asks(scene, kAsker, lab::Packet::dns_udp, "149.112.112.112"));
}

TEST_CASE("a boot locks with the addresses that names had", "[names]") {
    Scene scene(lab_policy(51820));
    configure(scene.lab(), by_name(lab_policy(51820)));
    NameZone zone(scene.lab(), kResolver, zone_of(kServers[0]));
    scene.lock();
    REQUIRE(scene.await_rules_with(kServers[0]));
    scene.stage().kill_service();
    must_run(scene.host(), {"nft", "flush", "ruleset"});
    REQUIRE(scene.await_rules_without(kServers[0]) == false);
    const std::size_t asked = zone.asked().size();

    CHECK(scene.stage().command("boot") == 0);

    CHECK(scene.await_rules_with(kServers[0]));
    CHECK(zone.asked().size() == asked);
}

TEST_CASE("an answer that is no server of the internet opens nothing", "[names]") {
    Scene scene(lab_policy(51820));
    configure(scene.lab(), by_name(lab_policy(51820)));
    NameZone zone(scene.lab(), kResolver, zone_of(kServers[0]));
    scene.lock();
    REQUIRE(scene.await_rules_with(kServers[0]));
    zone.answer({{kName, "127.0.0.1"},
                 {kName, "192.168.77.1"},
                 {kName, "224.0.0.251"},
                 {kName, kResolver},
                 {kName, "fe80::1"}});
    const std::size_t asked = zone.asked().size();

    CHECK(scene.stage().command("reload") == 0);
    scene.stage().connect();
    REQUIRE(scene.stage().client() != nullptr);
    scene.stage().client()->kill();
    scene.stage().await("LOCKED");
    REQUIRE(lab::eventually(kPatience, [&] { return zone.asked().size() > asked; }));
    REQUIRE(lab::eventually(kPatience, [&] {
        return scene.stage().service_log().find("name-failed") != std::string::npos;
    }));

    CHECK(scene.await_rules_with(kServers[0]));
    CHECK(scene.await_rules_without("192.168.77.1"));
    CHECK_FALSE(scene.escapes(scene.host(), lab::Packet::udp, kResolver, 51820, lab::Via::uplink));
    CHECK_FALSE(
        scene.escapes(scene.host(), lab::Packet::udp, "192.168.77.1", 51820, lab::Via::uplink));
    scene.check_steps();
}

TEST_CASE("while a tunnel is up names are asked through it alone, beside the listed servers",
          "[names]") {
    Policy policy = lab_policy(51820);
    Scene scene(policy);
    policy.tunnels.front().names = {{kName, proto::kUdp, 51820}};
    policy.bootstrap.servers = {lab::ip(kResolver)};
    policy.bootstrap.user = kAsker;
    policy.dns_servers = {{lab::ip(lab::addr::kTunnelServer)}};
    configure(scene.lab(), policy);
    NameZone zone(scene.lab(), kResolver, {});
    scene.lock();
    REQUIRE(lab::eventually(kPatience, [&] { return !zone.asked().empty(); }));
    scene.stage().connect();
    scene.check_steps();
    must(scene.lab().capture().settle());
    const std::size_t begin = scene.lab().capture().size();
    const std::size_t before = zone.asked().size();

    zone.answer(zone_of("203.0.113.99"));

    REQUIRE(scene.await_rules_with("203.0.113.99"));
    const std::vector<std::string> askers = zone.askers();
    REQUIRE(askers.size() > before);
    CHECK(std::all_of(askers.begin() + static_cast<std::ptrdiff_t>(before), askers.end(),
                      [](const std::string& one) { return one == lab::addr::kTunnelHost; }));
    CHECK(std::ranges::none_of(strays(scene.lab(), begin), is_question));
    CHECK_FALSE(asks(scene, kAsker, lab::Packet::dns_udp));
}

TEST_CASE("OpenVPN finds its server by name while locked, also when it has moved", "[names]") {
    require_programs({"openvpn", "openssl"});

    follow_the_name(openvpn(TunDevice::reopened, kName), 1194);
}

TEST_CASE("wireguard-go finds its server by name while locked, also when it has moved", "[names]") {
    require_programs({"wireguard-go", "wg"});

    follow_the_name([] { return wireguard_go(kName); }, 51820);
}
