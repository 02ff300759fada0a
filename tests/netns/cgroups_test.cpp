// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/programs.hpp"
#include "support/scene.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::Packet;

namespace {

/// A cgroup of its own, two levels deep. This process and its sockets can be moved into it.
class OwnCgroup {
  public:
    OwnCgroup() : outer_(fmt::format("killswitchd-test-{}", ::getpid())), home_(present()) {
        if (cgroup_root().empty() || ::mkdir(directory(outer_).c_str(), 0755) != 0) {
            skip("cannot make a cgroup of version 2 here");
        }
    }
    OwnCgroup(const OwnCgroup&) = delete;
    OwnCgroup& operator=(const OwnCgroup&) = delete;
    ~OwnCgroup() {
        leave();
        ::rmdir(directory(path()).c_str());
        ::rmdir(directory(outer_).c_str());
    }

    [[nodiscard]] std::string path() const { return outer_ + "/vpn"; }
    void make() const { REQUIRE(::mkdir(directory(path()).c_str(), 0755) == 0); }
    void remove() const { REQUIRE(::rmdir(directory(path()).c_str()) == 0); }
    void enter() const { move(path()); }
    void leave() const { move(home_); }

  private:
    static std::string directory(const std::string& path) {
        return fmt::format("{}/{}", cgroup_root(), path);
    }
    static std::string present() {
        std::ifstream lines("/proc/self/cgroup");
        std::string line;
        while (std::getline(lines, line) && !line.starts_with("0::/")) {
        }
        return line.size() > 4 ? line.substr(4) : std::string();
    }
    static void move(const std::string& path) {
        std::ofstream(directory(path) + "/cgroup.procs") << ::getpid();
    }

    std::string outer_;
    std::string home_;
};

bool leaves(Scene& scene, const char* to, std::uint16_t port) {
    return scene.escapes(scene.host(), Packet::udp, to, port, lab::Via::uplink);
}

/// Waits until every packet at the internet leaves, or none.
bool becomes(Scene& scene, bool leak) {
    return lab::eventually(kPatience, [&] {
        return std::ranges::all_of(kFamilies, [&](const Addresses& at) {
            return leaves(scene, at.internet, 443) == leak;
        });
    });
}

/// Another table sends what is for the internet out of the tunnel, and hides the tunnel's address.
void send_past_tunnel(Scene& scene) {
    const Addresses& at = kFamilies[0];
    must_run(scene.host(),
             {"ip", "route", "add", "default", "table", "77", "dev", "up0", "via", at.router});
    must_run(scene.host(), {"ip", "rule", "add", "fwmark", "7", "lookup", "77"});
    must_run(
        scene.host(),
        {"nft", fmt::format("add table inet other; add chain inet other out {{ type route hook "
                            "output priority -150; }}; add rule inet other out ip daddr {} "
                            "meta mark set 7; add chain inet other post {{ type nat hook "
                            "postrouting priority 100; }}; add rule inet other post oifname up0 "
                            "masquerade",
                            at.internet)});
}

/// By the route, so into the tunnel where nothing sends it elsewhere.
bool strays(Scene& scene) {
    return scene.escapes(scene.host(), Packet::udp, kFamilies[0].internet, 443);
}

}  // namespace

TEST_CASE("a confined cgroup is confined where another table sends its packets",
          "[policy][apps][cgroup][reroute]") {
    const OwnCgroup cgroup;
    cgroup.make();
    Policy policy = dual_policy();
    policy.raw = Raw::allow;
    policy.scope = Scope::apps;
    policy.apps.cgroups = {cgroup.path()};
    Scene scene(policy);
    scene.protect();
    send_past_tunnel(scene);
    CHECK(strays(scene));

    cgroup.enter();
    CHECK_FALSE(strays(scene));
    cgroup.leave();
}

TEST_CASE("a cgroup's exception holds where another table sends its packets, and for it alone",
          "[policy][exceptions][cgroup][reroute]") {
    const OwnCgroup cgroup;
    cgroup.make();
    Policy policy = dual_policy();
    policy.raw = Raw::allow;
    AllowRule exception;
    exception.cgroup = cgroup.path();
    exception.far = Prefix::parse(kFamilies[0].internet_net);
    policy.outbound = {exception};
    Scene scene(policy);
    scene.protect();
    scene.route_past_tunnel(kFamilies[0].internet_net);
    send_past_tunnel(scene);
    CHECK_FALSE(strays(scene));

    cgroup.enter();
    CHECK(strays(scene));
    cgroup.leave();
}

TEST_CASE("a cgroup is confined from when it appears, and again when it is made anew",
          "[policy][apps][cgroup]") {
    const OwnCgroup cgroup;
    Policy policy = dual_policy();
    policy.scope = Scope::apps;
    policy.apps.cgroups = {cgroup.path()};
    Scene scene(policy);
    scene.locked_and_protected([&] {
        REQUIRE(leaks(scene));
        for (int life = 1; life <= 2; ++life) {
            CAPTURE(life);
            cgroup.make();
            cgroup.enter();
            CHECK(becomes(scene, /*leak=*/false));
            for (const Addresses& at : kFamilies) {
                CAPTURE(at.router);
                CHECK_FALSE(leaves(scene, at.router, 53));
                CHECK_FALSE(leaves(scene, at.endpoint, 443));
            }
            cgroup.leave();
            CHECK(leaks(scene));
            cgroup.remove();
        }
    });
}

TEST_CASE("the endpoint is reached from the VPN's cgroup alone", "[policy][cgroup]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    const bool open = armed == Armed::no;
    const OwnCgroup cgroup;
    constexpr std::array kServers{"203.0.113.99", "2001:db8:9::99"};
    Policy policy = dual_policy();
    Tunnel office;
    office.name = "office";
    office.interface = "tun1";
    office.only.cgroup = cgroup.path();
    for (const char* const server : kServers) {
        office.endpoints.push_back({lab::ip(server), proto::kUdp, 51820});
    }
    policy.tunnels.push_back(office);
    Scene scene(policy, armed);
    scene.locked_and_protected([&] {
        const auto check_closed = [&](std::uint16_t port) {
            for (const char* const server : kServers) {
                CAPTURE(server);
                CHECK(leaves(scene, server, port) == open);
            }
        };
        check_closed(51820);
        cgroup.make();
        check_closed(51820);
        cgroup.enter();
        for (const char* const server : kServers) {
            CHECK(lab::eventually(kPatience, [&] { return leaves(scene, server, 51820); }));
        }

        check_closed(443);
        CHECK(leaks(scene) == open);
        cgroup.leave();
        check_closed(51820);
        cgroup.remove();
    });
}

TEST_CASE("an outbound exception of a cgroup is nobody else's", "[policy][exceptions][cgroup]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    const bool open = armed == Armed::no;
    const OwnCgroup cgroup;
    cgroup.make();
    Policy policy = dual_policy();
    AllowRule exception;
    exception.cgroup = cgroup.path();
    policy.outbound = {exception};
    Scene scene(policy, armed);
    scene.locked_and_protected([&] {
        CHECK(leaks(scene) == open);

        cgroup.enter();

        CHECK(leaks(scene));
        for (const Addresses& at : kFamilies) {
            CHECK(leaves(scene, at.internet, 53) == open);
        }
        cgroup.leave();
        CHECK(leaks(scene) == open);
    });
}
