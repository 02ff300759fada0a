// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/reach.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include <poll.h>
#include <sys/socket.h>

using namespace ks;
using namespace ks::test;
using drills::Armed;

namespace {

constexpr std::uint16_t kPort = 8080;
constexpr std::uint16_t kOther = 9090;
constexpr const char* kReason = "tunnel-inbound";

/// The two ends of the tunnel in one family.
struct Ends {
    const char* host;
    const char* far;
    const char* guest;
};
constexpr std::array<Ends, 2> kEnds{
    {{lab::addr::kTunnelHost, lab::addr::kTunnelServer, lab::addr::kGuest},
     {lab::addr::kTunnelHost6, lab::addr::kTunnelServer6, lab::addr::kGuest6}}};

PortSpec port(std::uint16_t number, std::uint8_t protocol) {
    return {{number, number}, protocol};
}

/// A UDP socket at one end of the tunnel.
class Talker {
  public:
    Talker(const lab::Node& node, const char* own, std::uint16_t own_port) {
        const lab::SocketAddress at(lab::ip(own), own_port);
        auto made = node.socket(at.storage.ss_family, SOCK_DGRAM, 0);
        REQUIRE(made);
        fd_ = *std::move(made);
        REQUIRE(bind(fd_.get(), at.get(), at.size) == 0);
    }
    /// Whether `other` gets a datagram from here.
    [[nodiscard]] bool tells(const Talker& other, const char* to, std::uint16_t to_port) const {
        const lab::SocketAddress address(lab::ip(to), to_port);
        if (sendto(fd_.get(), "k", 1, 0, address.get(), address.size) != 1) {
            return false;
        }
        constexpr int kSilence = 300;
        pollfd waiting{other.fd_.get(), POLLIN, 0};
        std::array<char, 8> got{};
        return poll(&waiting, 1, kSilence) == 1 && recv(other.fd_.get(), got.data(), 8, 0) == 1;
    }
    /// Whether the kernel has been told that nobody listens at `to`.
    [[nodiscard]] bool hears_of_nobody(const char* to, std::uint16_t to_port) const {
        const lab::SocketAddress address(lab::ip(to), to_port);
        REQUIRE(connect(fd_.get(), address.get(), address.size) == 0);
        REQUIRE(send(fd_.get(), "k", 1, 0) == 1);
        pollfd waiting{fd_.get(), POLLIN, 0};
        std::array<char, 8> got{};
        return poll(&waiting, 1, 500) == 1 && recv(fd_.get(), got.data(), 8, 0) < 0 &&
               errno == ECONNREFUSED;
    }

  private:
    Fd fd_;
};

/// A file that only its own user can write, gone in the end.
class WatchedFile {
  public:
    WatchedFile() {
        std::string name = "/tmp/ks-ports-XXXXXX";
        REQUIRE(mkdtemp(name.data()) != nullptr);
        directory_ = name;
    }
    WatchedFile(const WatchedFile&) = delete;
    WatchedFile& operator=(const WatchedFile&) = delete;
    ~WatchedFile() { std::filesystem::remove_all(directory_); }

    [[nodiscard]] std::string path() const { return directory_ + "/port"; }
    void write(const std::string& text) const { std::ofstream(path()) << text; }
    /// As a careful program does it.
    void replace(const std::string& text) const {
        std::ofstream(directory_ + "/new") << text;
        std::filesystem::rename(directory_ + "/new", path());
    }

  private:
    std::string directory_;
};

}  // namespace

TEST_CASE("from the VPN's side nothing enters that was not asked for", "[policy][inbound]") {
    const bool open = GENERATE(true, false);
    Policy policy = dual_policy();
    policy.tunnels[0].inbound.all = open;
    policy.scope = GENERATE(Scope::all, Scope::apps);
    if (policy.scope == Scope::apps) {
        policy.apps.users = {4711};
    }
    Scene scene(policy);
    scene.protect();
    const Listener listener(scene.host(), kPort);
    for (const Ends& at : kEnds) {
        CAPTURE(at.host);
        CHECK(connects(scene.lab().vpn(), at.host, kPort) == open);
        CHECK(listener.hears(scene.lab().vpn(), at.host) == open);
        CHECK(pings(scene.lab().vpn(), at.host) == open);
        // What the host begins works as before.
        CHECK(pings(scene.host(), at.far));
        const Listener far(scene.lab().vpn(), kOther);
        CHECK(connects(scene.host(), at.far, kOther));
        CHECK(Talker(scene.host(), at.host, kOther + 1).hears_of_nobody(at.far, kOther + 2));
    }
    CHECK((scene.counted(kReason) >= 6) != open);
    scene.stage().expect_tunnel_works("with the VPN's side shut out");
    scene.check_steps();
}

TEST_CASE("an answer by UDP comes from where it was asked, to the port that asked",
          "[policy][inbound]") {
    const bool open = GENERATE(true, false);
    Policy policy = dual_policy();
    policy.tunnels[0].inbound.all = open;
    Scene scene(policy);
    scene.protect();
    for (const Ends& at : kEnds) {
        CAPTURE(at.host);
        const Talker host(scene.host(), at.host, kPort);
        const Talker same(scene.host(), at.host, kPort + 1);
        const Talker asked(scene.lab().vpn(), at.far, kOther);
        const Talker stranger(scene.lab().vpn(), at.far, kOther + 1);
        CHECK(asked.tells(host, at.host, kPort) == open);
        REQUIRE(host.tells(asked, at.far, kOther));
        CHECK(asked.tells(host, at.host, kPort));
        CHECK(asked.tells(same, at.host, kPort + 1) == open);
        CHECK(stranger.tells(host, at.host, kPort) == open);
    }
}

TEST_CASE("an answer is known though another table translates the question", "[policy][inbound]") {
    Scene scene(dual_policy());
    scene.protect();
    must_run(scene.host(), {"nft", "add table ip other; add chain ip other out { type nat hook "
                                   "output priority -100; }; add rule ip other out ip daddr "
                                   "198.51.100.99 udp dport 53 dnat to 198.51.100.1:53"});
    const auto answer =
        lab::reach(scene.host(), {lab::Service::udp_echo, lab::ip("198.51.100.99"), 53, {}});
    CHECK(answer.answered);
}

TEST_CASE("a port of inbound can be connected to, and no other", "[policy][inbound]") {
    Policy policy = dual_policy();
    policy.tunnels[0].inbound.ports = {port(kPort, proto::kTcp), port(kOther, proto::kUdp)};
    Scene scene(policy);
    scene.protect();
    const Listener listener(scene.host(), kPort);
    const Listener other(scene.host(), kOther);
    for (const Ends& at : kEnds) {
        CAPTURE(at.host);
        CHECK(connects(scene.lab().vpn(), at.host, kPort));
        CHECK_FALSE(listener.hears(scene.lab().vpn(), at.host));
        CHECK_FALSE(connects(scene.lab().vpn(), at.host, kOther));
        CHECK(other.hears(scene.lab().vpn(), at.host));
    }
    const std::string status = scene.stage().ask({"status"});
    CHECK_THAT(status, contains_text("port 8080/tcp, 9090/udp"));
    CHECK_THAT(status, contains_text("1 hole"));
}

TEST_CASE("the ports of a file are followed, and stay while it cannot be used",
          "[policy][inbound]") {
    const WatchedFile file;
    Policy policy = dual_policy();
    policy.tunnels[0].inbound_file = file.path();
    Scene scene(policy);
    scene.protect();
    const Listener listener(scene.host(), kPort);
    const auto open = [&] { return connects(scene.lab().vpn(), kEnds[0].host, kPort); };
    CHECK_FALSE(open());

    file.replace("# of the provider\n8080/tcp\n");
    REQUIRE(scene.await_rules_with("tcp dport 8080 accept"));
    CHECK(open());
    file.write("8080/tcp\n90");  // Half written.
    CHECK(open());
    file.replace("9090/udp\n");
    REQUIRE(scene.await_rules_with("udp dport 9090 accept"));
    CHECK_FALSE(open());
    std::filesystem::remove(file.path());
    REQUIRE(scene.await_rules_without("udp dport 9090 accept"));
    file.write("8080/tcp\n");
    REQUIRE(scene.await_rules_with("tcp dport 8080 accept"));
    CHECK(open());
}

TEST_CASE("a port of a guest is reached from the VPN's side where inbound names it",
          "[policy][inbound][guests]") {
    const int terms = GENERATE(0, 1, 2);  // Nothing, another port, the port as it arrives.
    Policy policy = dual_policy();
    if (terms > 0) {
        policy.tunnels[0].inbound.ports = {port(terms == 1 ? kPort : kOther, proto::kTcp)};
    }
    Scene scene(policy);
    scene.protect();
    must_run(scene.host(), {"nft", "add table inet published; add chain inet published pre { type "
                                   "nat hook prerouting priority -100; }; "
                                   "add rule inet published pre iifname tun0 tcp dport 9090 dnat "
                                   "ip to 10.77.0.2:8080; add rule inet published pre iifname "
                                   "tun0 tcp dport 9090 dnat ip6 to [2001:db8:aa::2]:8080"});
    const Listener listener(scene.guest(), kPort);
    for (const Ends& at : kEnds) {
        CAPTURE(at.host);
        CHECK(connects(scene.lab().vpn(), at.host, kOther) == (terms == 2));
        CHECK_FALSE(connects(scene.lab().vpn(), at.guest, kPort));
    }
}

TEST_CASE("private destinations stay out of a tunnel that refuses them", "[policy][private]") {
    const bool refuse = GENERATE(false, true);
    Policy policy = dual_policy();
    policy.tunnels[0].private_use = refuse ? PrivateUse::refuse : PrivateUse::allow;
    policy.dns_servers = {{lab::ip("10.98.0.53")}};
    Scene scene(policy);
    scene.protect();
    for (const char* const own : {"10.98.0.1/24", "10.98.0.53/24"}) {
        const Prefix address = *Prefix::parse("10.98.0.0/24");
        must(scene.lab().vpn().net().add_address(
            "lo", lab::ip(std::string(own).substr(0, std::string(own).find('/'))), address.length));
    }
    const auto reached = [&](const lab::Node& from, const char* to, std::uint16_t at) {
        return lab::reach(from, {lab::Service::ping, lab::ip(to), at, {}}, lab::Millis{400})
            .answered;
    };
    CHECK(reached(scene.host(), "10.98.0.1", 0) != refuse);
    CHECK(reached(scene.host(), "10.98.0.53", 0));
    CHECK(reached(scene.host(), lab::addr::kTunnelServer, 0));
    CHECK(reached(scene.host(), lab::addr::kTunnelServer6, 0));
    CHECK(reached(scene.guest(), "10.98.0.1", 0) != refuse);
    CHECK(reached(scene.guest(), "10.98.0.53", 0));
    CHECK((scene.counted("private") > 0) == refuse);
    scene.stage().expect_tunnel_works("without private destinations");
    scene.check_steps();
}
