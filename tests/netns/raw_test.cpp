// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/lab/address.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "lab_support.hpp"
#include "support/dhcp.hpp"
#include "support/node_run.hpp"
#include "support/packet_socket.hpp"
#include "support/programs.hpp"
#include "support/raw_host.hpp"
#include "support/scene.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <netinet/in.h>
#include <sys/socket.h>

using namespace ks;
using namespace ks::test;

namespace {

/// Runs `leaks` without the second layer, where it has to leak, and with it.
void blocked_only_with_raw_block(Phase phase, const std::function<Count(RawHost&)>& leaks) {
    require_programs({"ip", "nft"});
    {
        RawHost control("allow", phase);
        REQUIRE(leaks(control) == kAll);
    }
    RawHost host("block", phase);
    CHECK(leaks(host) == kNone);
}

/// Frames of both families that a new device lets out before it refuses the first.
std::size_t window(const PacketSocket& socket, const Mac& to) {
    const std::uint32_t tag = lab::next_tag();
    const std::string four = RawHost::packet(kFamilies[0], tag);
    const std::string six = RawHost::packet(kFamilies[1], tag);
    std::size_t left = 0;
    REQUIRE(lab::eventually(kPatience, [&] {
        std::size_t taken = 1;
        for (int i = 0; taken != 0 && i < 1000; ++i) {
            taken = (socket.send(four, to) ? 1U : 0U) + (socket.send(six, to) ? 1U : 0U);
            left += taken;
        }
        return taken == 0;
    }));
    return left;
}

}  // namespace

TEST_CASE("packet sockets reach nobody outside", "[raw][fail-closed]") {
    const How how = GENERATE(How::raw, How::dgram, How::bypass);

    blocked_only_with_raw_block(GENERATE(Phase::locked, Phase::protected_), [&](RawHost& host) {
        return host.leaks(host.lab().host(), "up0", how);
    });
}

TEST_CASE("a sender's exception is none for packet sockets", "[raw][fail-closed]") {
    require_programs({"ip", "nft"});
    const std::string raw = GENERATE(as<std::string>{}, "allow", "block");
    const auto phase = GENERATE(Phase::locked, Phase::protected_);
    constexpr uid_t kUser = 4711;
    RawHost host(raw, phase, fmt::format("allow: {{ outbound: [{{ user: {} }}] }}\n", kUser));
    host.await_cover();

    CHECK(host.leaks(host.lab().host(), "up0", How::raw) == (raw == "allow" ? kAll : kNone));
    const SocketOwner owner(kUser);
    const std::uint32_t tag = lab::next_tag();
    const std::size_t before = host.lab().capture().size();
    const std::string payload = lab::tag_text(tag);
    const lab::SocketAddress to(lab::ip(lab::addr::kInternet), 443);
    const auto socket = host.lab().host().socket(AF_INET, SOCK_DGRAM, 0);
    REQUIRE(socket);
    CHECK(sendto(socket->get(), payload.data(), payload.size(), 0, to.get(), to.size) > 0);
    CHECK(host.captured(tag, before) == 1);
}

TEST_CASE("a guest on a bridge with the uplink reaches nobody outside", "[raw][fail-closed]") {
    blocked_only_with_raw_block(GENERATE(Phase::locked, Phase::protected_), [](RawHost& host) {
        host.shell("sysctl -qw net.bridge.bridge-nf-call-iptables=0 "
                   "net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null; true");
        host.ip("link set up0 master br0");
        host.ip("route replace default via 192.168.77.1 dev br0 onlink metric 50");
        host.await_cover();
        return host.leaks(host.lab().guest(), "eth0", How::raw);
    });
}

TEST_CASE("a macvlan guest reaches nobody outside", "[raw][fail-closed]") {
    blocked_only_with_raw_block(GENERATE(Phase::locked, Phase::protected_), [](RawHost& host) {
        auto holder = host.lab().guest().spawn({"sleep", "60"});
        REQUIRE(holder);
        host.lab().host().inside([&] {
            const std::string commands =
                fmt::format("ip link add link up0 name mv0 type macvlan mode bridge && "
                            "ip link set mv0 netns {}",
                            holder->pid());
            REQUIRE(std::system(commands.c_str()) == 0);
        });
        RawHost::require(run_to_end(host.lab().guest(), {"ip", "link", "set", "mv0", "up"}));
        return host.leaks(host.lab().guest(), "mv0", How::raw);
    });
}

TEST_CASE("what the uplink needs still passes beside raw: block", "[raw]") {
    require_programs({"ip", "nft"});
    RawHost host("block");
    REQUIRE(host.covered());
    const How how = GENERATE(How::raw, How::bypass);
    const PacketSocket socket(host.lab().host(), "up0", how);
    const std::uint32_t tag = lab::next_tag();
    Ear ear(host.lab().provider(), "wan0");

    CHECK(dhcp_discovers(host.lab(), kPatience));
    for (const std::uint16_t type :
         std::array<std::uint16_t, 6>{0x0806, 0x888e, 0x8863, 0x8864, 0x8809, 0x88b5}) {
        static_cast<void>(socket.send_frame(
            ethernet_frame({2, 0, 0, 0, 0, 1}, host.router(), type, lab::tag_text(tag))));
    }

    RawHost::require(host.lab().capture().settle());
    CHECK(ear.heard(tag) == 5);
}

TEST_CASE("a large packet of the tunnel passes in fragments", "[raw]") {
    require_programs({"ip", "nft"});
    RawHost host("block", GENERATE(Phase::locked, Phase::protected_));
    REQUIRE(host.covered());
    for (const Addresses& at : kFamilies) {
        CAPTURE(at.endpoint);
        const IpAddress server = lab::ip(at.endpoint);
        const lab::SocketAddress to(server, 51820);
        const auto socket = host.lab().host().socket(lab::domain_of(server), SOCK_DGRAM, 0);
        REQUIRE(socket);
        REQUIRE(setsockopt(socket->get(), SOL_SOCKET, SO_MARK, &kMark, sizeof kMark) == 0);
        const std::string payload(4000, 'x');
        const std::size_t headers = server.family == IpFamily::v4 ? 14 + 20 : 14 + 40 + 8;
        const std::size_t before = host.lab().capture().size();

        REQUIRE(sendto(socket->get(), payload.data(), payload.size(), 0, to.get(), to.size) ==
                4000);

        RawHost::require(host.lab().capture().settle());
        std::size_t bytes = 0;
        for (const lab::FrameInfo& frame : host.lab().capture().since(before)) {
            bytes += frame.destination == server ? frame.length - headers : 0;
        }
        CHECK(bytes == 4008);
    }
}

TEST_CASE("a device is covered again when its name has changed", "[raw][fail-closed]") {
    require_programs({"ip", "nft"});
    RawHost host("block", GENERATE(Phase::locked, Phase::protected_));
    REQUIRE(host.covered());
    REQUIRE(host.leaks(host.lab().host(), "up0", How::raw) == kNone);
    const PacketSocket socket(host.lab().host(), "up0", How::raw);
    const Mac to = host.router();
    const std::uint32_t tag = lab::next_tag();
    const auto flood = host.lab().host().start([&]() -> int {
        const std::string four = RawHost::packet(kFamilies[0], tag);
        for (const std::string six = RawHost::packet(kFamilies[1], tag);;) {
            static_cast<void>(socket.send(four, to));
            static_cast<void>(socket.send(six, to));
        }
    });
    REQUIRE(flood);
    Ear ear(host.lab().provider(), "wan0");

    host.ip("link set up0 name renamed0");

    std::size_t left = 0;
    REQUIRE(lab::eventually(kPatience, [&] {
        left += ear.heard(tag);
        return host.covered();
    }));
    RawHost::require(host.lab().capture().settle());
    left += ear.heard(tag);
    fmt::print("renamed: {} frames of a flood left before the rules were back\n", left);
    CHECK(host.leaks(host.lab().host(), "renamed0", How::raw) == kNone);
    CHECK(ear.heard(tag) == 0);
}

TEST_CASE("a new device is covered, and so is its successor of the same name",
          "[raw][fail-closed]") {
    require_programs({"ip", "nft"});
    RawHost host("block", GENERATE(Phase::locked, Phase::protected_));
    for (const char* const what : {"hot-plugged", "created again"}) {
        RawHost::require(
            host.lab().host().net().add_veth("hot0", "far0", host.lab().provider().netns()));
        RawHost::require(host.lab().provider().net().set_link("far0", lab::LinkState::up));
        RawHost::require(host.lab().host().net().set_link("hot0", lab::LinkState::up));
        const PacketSocket socket(host.lab().host(), "hot0", How::raw);
        Ear ear(host.lab().provider(), "far0");
        fmt::print("{}: {} frames left before the rules were there\n", what,
                   window(socket, host.router()));

        const std::uint32_t tag = lab::next_tag();
        for (int i = 0; i < kFrames; ++i) {
            for (const Addresses& at : kFamilies) {
                static_cast<void>(socket.send(RawHost::packet(at, tag), host.router()));
            }
        }
        const std::uint32_t fence = lab::next_tag();
        REQUIRE(socket.send_frame(
            ethernet_frame({2, 0, 0, 0, 0, 1}, host.router(), 0x0806, lab::tag_text(fence))));
        Ear::Heard heard = ear.both(tag, fence, kPatience);
        CHECK(heard.fence);
        CHECK(heard.count == 0);
        RawHost::require(host.lab().host().net().delete_link("hot0"));
    }
}
