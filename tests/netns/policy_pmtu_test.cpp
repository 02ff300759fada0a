// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"
#include "support/segment.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <netinet/in.h>

using namespace ks;
using namespace ks::test;
using drills::Armed;

namespace {

constexpr std::uint16_t kMtu = 1300;
constexpr std::uint16_t kServerPort = 51820;

/// A UDP socket of the host to `far` that may not fragment, as the tunnel's outer one.
class Outer {
  public:
    Outer(Scene& scene, const IpAddress& far) : far_(far) {
        const bool v4 = far.family == IpFamily::v4;
        auto fd = scene.host().socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
        REQUIRE(fd);
        fd_ = *std::move(fd);
        REQUIRE(lab::set_option(fd_.get(), SOL_SOCKET, SO_MARK, 0xca6c));
        const bool kept_whole =
            v4 ? lab::set_option(fd_.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
               : lab::set_option(fd_.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
        REQUIRE(kept_whole);
        const lab::SocketAddress to(far, kServerPort);
        REQUIRE(connect(fd_.get(), to.get(), to.size) == 0);
        REQUIRE(getsockname(fd_.get(), own_.get(), &own_.size) == 0);
    }

    [[nodiscard]] const lab::SocketAddress& own() const { return own_; }
    [[nodiscard]] const IpAddress& far() const { return far_; }
    [[nodiscard]] int path_mtu() const {
        int mtu = 0;
        socklen_t size = sizeof mtu;
        const bool v4 = far_.family == IpFamily::v4;
        const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
        REQUIRE(getsockopt(fd_.get(), level, v4 ? IP_MTU : IPV6_MTU, &mtu, &size) == 0);
        return mtu;
    }
    /// The error that the kernel keeps for this socket, once.
    [[nodiscard]] int error() const {
        int error = 0;
        socklen_t size = sizeof error;
        REQUIRE(getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0);
        return error;
    }

  private:
    IpAddress far_;
    Fd fd_;
    lab::SocketAddress own_;
};

IcmpError about(const Outer& outer) {
    IcmpError error;
    const bool v4 = outer.far().family == IpFamily::v4;
    error.type = v4 ? 3 : 2;
    error.code = v4 ? 4 : 0;
    error.mtu = kMtu;
    error.about_source = outer.own().address();
    error.about_destination = outer.far();
    error.about_source_port = outer.own().port();
    error.about_port = kServerPort;
    return error;
}

void tell(Scene& scene, const Outer& outer, const IcmpError& error) {
    send_error(scene.provider(), outer.own().address(), error);
}

}  // namespace

TEST_CASE("the tunnel's outer packets learn that a path takes only smaller ones",
          "[policy][pmtu]") {
    const char* const server = GENERATE("203.0.113.7", "2001:db8:9::7");
    const auto phase = GENERATE(Phase::locked, Phase::protected_);
    Policy policy = tun_policy();
    policy.tunnels.front().endpoints.front().address = lab::ip(server);
    Scene scene(policy);
    scene.enter(phase);
    const Outer outer(scene, lab::ip(server));
    REQUIRE(outer.path_mtu() == 1500);

    tell(scene, outer, about(outer));

    CHECK(lab::eventually(kPatience, [&] { return outer.path_mtu() == kMtu; }));
    if (phase == Phase::protected_) {
        scene.stage().expect_tunnel_works("with a small path MTU");
    }
    scene.check_steps();
}

TEST_CASE("other ICMP errors do not reach the tunnel's sockets", "[policy][pmtu]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_policy(), armed);
    for (const Addresses& at : kFamilies) {  // As a VPN has it for its server.
        scene.route_past_tunnel(at.endpoint);
    }
    scene.locked_and_protected([&] {
        for (const Addresses& at : kFamilies) {
            CAPTURE(at.endpoint);
            const Outer outer(scene, lab::ip(at.endpoint));
            IcmpError error = about(outer);
            const bool v4 = outer.far().family == IpFamily::v4;
            error.type = v4 ? 3 : 1;  // Port unreachable.
            error.code = v4 ? 3 : 4;
            error.mtu = 0;

            tell(scene, outer, error);

            const bool felt = lab::eventually(lab::Millis{300}, [&] { return outer.error() != 0; });
            CHECK(felt == (armed == Armed::no));
        }
    });
}

TEST_CASE("path MTU errors about other packets than the tunnel's are not heard", "[policy][pmtu]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_policy(), armed);
    scene.enter(GENERATE(Phase::locked, Phase::protected_));
    for (const Addresses& at : kFamilies) {
        CAPTURE(at.internet);
        scene.route_past_tunnel(at.internet_net);
        const Outer outer(scene, lab::ip(at.internet));
        REQUIRE(outer.path_mtu() == 1500);

        tell(scene, outer, about(outer));

        const bool learned =
            lab::eventually(lab::Millis{300}, [&] { return outer.path_mtu() == kMtu; });
        CHECK(learned == (armed == Armed::no));
    }
}
