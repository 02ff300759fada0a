// SPDX-License-Identifier: GPL-2.0-or-later
#include "scene.hpp"

#include "../../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/reach.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "node_run.hpp"
#include "programs.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <poll.h>
#include <sys/fsuid.h>

namespace ks::test {

namespace {

/// Longest wait for what is not to come. Nothing in the lab is slower than a few milliseconds.
constexpr lab::Millis kSilence{400};

drills::Stage build(const Policy& policy, drills::Armed armed, lab::LabOptions options) {
    require_programs({"nft"});
    auto stage = drills::Stage::build(policy, armed, killswitchd(), {.lab = std::move(options)});
    if (!stage) {
        FAIL(stage.error().message());
    }
    return *std::move(stage);
}

bool readable(int fd, lab::Millis limit, short events = POLLIN) {
    pollfd waiting{fd, events, 0};
    return poll(&waiting, 1, static_cast<int>(limit.count())) == 1;
}

lab::Route past_tunnel(const char* network) {
    const Prefix to = *Prefix::parse(network);
    const bool v4 = to.address.family == IpFamily::v4;
    return {.to = to, .device = "up0", .gateway = lab::ip(kFamilies.at(v4 ? 0 : 1).router)};
}

}  // namespace

Policy tun_policy() {
    Policy policy;
    policy.mode = Mode::always;
    Tunnel tunnel;
    tunnel.name = "home";
    tunnel.interface = "tun0";
    tunnel.endpoints = {{lab::ip("203.0.113.7"), proto::kUdp, 51820}};
    tunnel.only.fwmark = MarkMatch{0xca6c};
    policy.tunnels = {tunnel};
    return policy;
}

Policy dual_policy() {
    Policy policy = tun_policy();
    policy.ipv6 = Ipv6::tunnel;
    policy.tunnels.front().endpoints.push_back({lab::ip("2001:db8:9::7"), proto::kUdp, 51820});
    return policy;
}

Scene::Scene(const Policy& policy, drills::Armed armed, lab::LabOptions options)
    : stage_(build(policy, armed, std::move(options))) {}

void Scene::lock() {
    stage_.start_server();
    stage_.start_service();
    check_steps();
}

void Scene::protect() {
    lock();
    stage_.connect();
    check_steps();
}

void Scene::enter(Phase phase) {
    return phase == Phase::locked ? lock() : protect();
}

void Scene::locked_and_protected(const std::function<void()>& check) {
    lock();
    {
        INFO("locked");
        check();
    }
    stage_.connect();
    check_steps();
    INFO("protected");
    check();
}

void Scene::check_steps() {
    const drills::Tally tally = stage_.take_tally();
    INFO(fmt::format("{}", fmt::join(tally.failures, "\n")));
    REQUIRE(tally.failures.empty());
}

std::string Scene::rules() {
    auto listed = host().spawn({"nft", "-nn", "list", "ruleset"});
    const bool read = listed && listed->wait(kPatience) && !listed->output().empty();
    return read ? listed->output() : std::string();
}

bool Scene::await_rules_with(const std::string& text) {
    return lab::eventually(kPatience, [&] { return rules().find(text) != std::string::npos; });
}

bool Scene::await_rules_without(const std::string& text) {
    return lab::eventually(kPatience, [&] {
        const std::string all = rules();
        return !all.empty() && all.find(text) == std::string::npos;
    });
}

std::uint64_t Scene::counted(const std::string& reason) {
    const std::string text = stage_.ask({"status", "--json"});
    const std::size_t at = text.find("\"packets\"", text.find(fmt::format("\"{}\":", reason),  //
                                                              text.find("\"counters\"")));
    std::uint64_t packets = 0;
    if (at == std::string::npos) {
        FAIL("status has no counter " << reason << ": " << text);
    }
    const std::size_t digits = text.find_first_of("0123456789", at);
    std::from_chars(text.data() + digits, text.data() + text.size(), packets);
    return packets;
}

bool Scene::escapes(const lab::Node& from, lab::Packet packet, const char* to, std::uint16_t port,
                    lab::Via via) {
    const std::array<lab::Probe, 1> probes{
        {{"probe", packet, lab::Aim::world, via, lab::ip(to), port}}};
    const auto outcomes = lab::probe_round(lab(), from, probes);
    if (!outcomes) {
        FAIL(outcomes.error().message());
    }
    return !outcomes->front().escaped.empty();
}

void Scene::route_past_tunnel(const char* network) {
    must(host().net().add_route(past_tunnel(network)));
}

void Scene::unroute_past_tunnel(const char* network) {
    must(host().net().delete_route(past_tunnel(network)));
}

bool leaks(Scene& scene) {
    const auto leaves = [&](const char* to) {
        return scene.escapes(scene.host(), lab::Packet::udp, to, 443, lab::Via::uplink);
    };
    const bool v4 = leaves(lab::addr::kInternet);
    const bool v6 = leaves(lab::addr::kInternet6);
    CHECK(v4 == v6);
    return v4 || v6;
}

bool pings(const lab::Node& from, const char* to, const std::string& device) {
    return lab::reach(from, {lab::Service::ping, lab::ip(to), 0, device}, kSilence).answered;
}

bool connects(const lab::Node& from, const char* to, std::uint16_t port) {
    const lab::SocketAddress address(lab::ip(to), port);
    const auto fd = from.socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    REQUIRE(fd);
    if (connect(fd->get(), address.get(), address.size) == 0) {
        return true;
    }
    int error = 0;
    socklen_t size = sizeof error;
    return errno == EINPROGRESS && readable(fd->get(), kSilence, POLLOUT) &&
           getsockopt(fd->get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

Listener::Listener(const lab::Node& node, std::uint16_t port) : port_(port) {
    const lab::SocketAddress any(lab::any_address(IpFamily::v6), port);
    auto tcp = node.socket(AF_INET6, SOCK_STREAM, 0);
    auto udp = node.socket(AF_INET6, SOCK_DGRAM, 0);
    REQUIRE((tcp && udp));
    REQUIRE(bind(tcp->get(), any.get(), any.size) == 0);
    REQUIRE(listen(tcp->get(), SOMAXCONN) == 0);
    REQUIRE(bind(udp->get(), any.get(), any.size) == 0);
    tcp_ = *std::move(tcp);
    udp_ = *std::move(udp);
}

bool Listener::hears(const lab::Node& from, const char* to) const {
    const std::string text = lab::tag_text(lab::next_tag());
    const lab::SocketAddress address(lab::ip(to), port_);
    const auto fd = from.socket(address.storage.ss_family, SOCK_DGRAM, 0);
    REQUIRE(fd);
    if (sendto(fd->get(), text.data(), text.size(), 0, address.get(), address.size) < 0) {
        return false;
    }
    while (readable(udp_.get(), kSilence)) {
        std::array<char, 256> got{};
        const auto size = recv(udp_.get(), got.data(), got.size(), 0);
        if (size > 0 && std::string(got.data(), static_cast<std::size_t>(size)) == text) {
            return true;
        }
    }
    return false;
}

SocketOwner::SocketOwner(uid_t user, gid_t group) {
    setfsgid(group);
    setfsuid(user);
}

SocketOwner::~SocketOwner() {
    setfsuid(0);
    setfsgid(0);
}

void must_run(const lab::Node& node, const std::vector<std::string>& argv) {
    must(run_to_end(node, argv));
}

void must(const Status& status) {
    if (!status) {
        FAIL(status.error().message());
    }
}

}  // namespace ks::test
