// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "support/node_run.hpp"
#include "support/packet_socket.hpp"
#include "support/programs.hpp"
#include "support/raw_host.hpp"
#include "support/scene.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include <fmt/format.h>

#include <sys/socket.h>

using namespace ks;
using namespace ks::test;

namespace {

constexpr Mac kSomebody{2, 0, 0, 0, 0, 1};

/// A card of the host whose cable ends at `far0` of the provider.
void plug(RawHost& host, const std::string& name) {
    RawHost::require(host.lab().host().net().add_veth(name, "far0", host.lab().provider().netns()));
    RawHost::require(host.lab().provider().net().set_link("far0", lab::LinkState::up));
    RawHost::require(host.lab().host().net().set_link(name, lab::LinkState::up));
}

/// How many frames of a packet socket at `device`, `kFrames` of each family, `far` hears.
std::size_t heard(RawHost& host, const std::string& device, const std::string& far) {
    const PacketSocket socket(host.lab().host(), device, How::raw);
    Ear ear(host.lab().provider(), far);
    const std::uint32_t tag = lab::next_tag();
    const std::uint32_t fence = lab::next_tag();
    for (int i = 0; i < kFrames; ++i) {
        for (const Addresses& at : kFamilies) {
            static_cast<void>(socket.send(RawHost::packet(at, tag), host.router()));
        }
    }
    REQUIRE(
        socket.send_frame(ethernet_frame(kSomebody, host.router(), 0x0806, lab::tag_text(fence))));
    const Ear::Heard all = ear.both(tag, fence, kPatience);
    REQUIRE(all.fence);
    return all.count;
}

constexpr std::size_t kHeardAll = 2 * kFrames;  // A router's error about one quotes it.

/// Whether that many frames are what is to be heard with `raw`.
bool is_all_or_nothing(std::size_t count, const std::string& raw) {
    return raw == "allow" ? count >= kHeardAll : count == 0;
}

/// Whether the kernel judges whatever device there will be; older ones need the service for it.
bool at_every_device(const RawHost& host) {
    return host.rendered().find("# every_device: at every device") != std::string::npos;
}

/// Runs `heard_after` beside `raw: allow`, where everything is to be heard, and `raw: block`.
void nothing_heard(const std::function<std::size_t(RawHost&)>& heard_after) {
    require_programs({"ip", "nft"});
    {
        RawHost control("allow");
        REQUIRE(heard_after(control) >= kHeardAll);
    }
    RawHost host("block");
    if (at_every_device(host)) {
        CHECK(heard_after(host) == 0);
    }
}

}  // namespace

TEST_CASE("a card that appears while nobody watches is an uplink", "[raw][fail-closed]") {
    nothing_heard([](RawHost& host) {
        host.kill_service();
        plug(host, "hot0");
        return heard(host, "hot0", "far0");
    });
}

TEST_CASE("a card that is renamed while nobody watches stays an uplink", "[raw][fail-closed]") {
    nothing_heard([](RawHost& host) {
        host.kill_service();
        host.ip("link set up0 name renamed0");
        return heard(host, "renamed0", "wan0");
    });
}

TEST_CASE("a device that takes a guest's name while nobody watches is an uplink",
          "[raw][fail-closed]") {
    nothing_heard([](RawHost& host) {
        host.kill_service();
        host.ip("link delete br0");
        plug(host, "br0");
        return heard(host, "br0", "far0");
    });
}

TEST_CASE("a device that takes the name of a tunnel that is up is an uplink at its own level too",
          "[raw][fail-closed]") {
    nothing_heard([](RawHost& host) {
        host.ip("tuntap add dev tun0 mode tun");
        host.ip("link set tun0 up");
        REQUIRE(lab::eventually(kPatience, [&] { return host.status().starts_with("PROTECTED"); }));
        host.kill_service();
        host.ip("link delete tun0");
        plug(host, "tun0");
        return heard(host, "tun0", "far0");
    });
}

TEST_CASE("sixty renames and ten replugs let nothing out", "[raw][fail-closed]") {
    constexpr int kRenames = 60;
    constexpr int kReplugs = 10;
    require_programs({"ip", "nft"});
    RawHost host("block");
    if (!at_every_device(host)) {
        return;
    }
    Ear ear(host.lab().provider(), "wan0");
    const std::uint32_t tag = lab::next_tag();
    const PacketSocket socket(host.lab().host(), "up0", How::raw);
    const Mac to = host.router();
    const auto flood = host.lab().host().start([&]() -> int {
        for (const std::string four = RawHost::packet(kFamilies[0], tag);;) {
            static_cast<void>(socket.send(four, to));
        }
    });
    REQUIRE(flood);

    host.shell(fmt::format("a=up0; b=renamed0; for i in $(seq {}); do ip link set $a name $b; "
                           "c=$a; a=$b; b=$c; done",
                           kRenames));

    RawHost::require(host.lab().capture().settle());
    CHECK(ear.heard(tag) == 0);
    for (int i = 0; i < kReplugs; ++i) {
        plug(host, "hot0");
        CHECK(heard(host, "hot0", "far0") == 0);
        host.ip("link delete hot0");
    }
}

TEST_CASE("a container that starts while no service runs is reached when one does",
          "[raw][guests]") {
    require_programs({"ip", "nft"});
    const std::string raw = GENERATE(as<std::string>{}, "allow", "block");
    RawHost host(raw);
    const auto reached = [&] { return pings(host.lab().host(), "10.77.0.3"); };
    host.kill_service();

    RawHost::require(host.lab().host().net().add_veth("cont0", "eth9", host.lab().guest().netns()));
    RawHost::require(host.lab().host().net().enslave("cont0", "br0"));
    RawHost::require(host.lab().host().net().set_link("cont0", lab::LinkState::up));
    RawHost::require(host.lab().guest().net().set_link("eth9", lab::LinkState::up));
    RawHost::require(host.lab().guest().net().add_address("eth9", lab::ip("10.77.0.3"), 24));

    if (raw == "block" && at_every_device(host)) {
        CHECK_FALSE(reached());
    }
    host.start_service("LOCKED");
    CHECK(lab::eventually(kPatience, reached));
}

TEST_CASE("a guest on top of a card takes none of the card's rules away", "[raw][fail-closed]") {
    require_programs({"ip", "nft"});
    const std::string raw = GENERATE(as<std::string>{}, "allow", "block");
    const std::string kind = GENERATE(as<std::string>{}, "macvlan mode bridge", "vlan id 20");
    const bool vlan = kind.starts_with("vlan");
    RawHost host(raw, Phase::locked, "guests: { interfaces: [inner0] }\n");
    if (!run_to_end(host.lab().host(),
                    {"sh", "-c", "ip link add link up0 name inner0 type " + kind})) {
        return;  // This kernel has no VLANs.
    }
    host.ip("addr add 10.66.0.1/24 dev inner0");
    host.ip("link set inner0 up");
    host.await_cover();
    if (vlan) {
        must_run(
            host.lab().provider(),
            {"sh", "-c",
             "ip link add link wan0 name wan20 type vlan id 20 && ip addr add 10.66.0.2/24 dev "
             "wan20 && ip link set wan20 up"});
    } else {
        must_run(host.lab().provider(), {"ip", "addr", "add", "10.66.0.2/24", "dev", "wan0"});
    }

    CHECK(is_all_or_nothing(heard(host, "up0", "wan0"), raw));
    CHECK(lab::eventually(kPatience, [&] { return pings(host.lab().host(), "10.66.0.2"); }));
    if (vlan) {  // To guests whatever it is, by its tag alone.
        const PacketSocket socket(host.lab().host(), "up0", How::raw);
        const auto tagged = [&](const char* tag) {
            Ear ear(host.lab().provider(), "wan0");
            const std::uint32_t mark = lab::next_tag();
            const std::uint32_t fence = lab::next_tag();
            static_cast<void>(socket.send_frame(
                ethernet_frame(kSomebody, host.router(), 0x8100,
                               std::string(tag, 4) + RawHost::packet(kFamilies[0], mark))));
            REQUIRE(socket.send_frame(
                ethernet_frame(kSomebody, host.router(), 0x0806, lab::tag_text(fence))));
            const Ear::Heard all = ear.both(mark, fence, kPatience);
            REQUIRE(all.fence);
            return all.count == 1;
        };
        CHECK(tagged("\x00\x14\x08\x00"));
        CHECK(tagged("\x00\x15\x08\x00") == (raw == "allow"));
    }
}

TEST_CASE("a bridge that leads outside sends its spanning tree frames", "[raw]") {
    require_programs({"ip"});
    const std::string raw = GENERATE(as<std::string>{}, "allow", "block");
    RawHost host(raw);
    host.shell("set -e; ip addr flush dev up0; ip link set up1 down; "
               "ip link add out0 type bridge stp_state 1 hello_time 100; "
               "ip link set up0 master out0; ip link set out0 up; "
               "ip addr add 192.168.77.2/24 dev out0; "
               "ip route replace default via 192.168.77.1 dev out0");
    host.await_cover();
    const std::size_t before = host.lab().capture().size();

    CHECK(lab::eventually(kPatience, [&] {
        RawHost::require(host.lab().capture().settle());
        const auto frames = host.lab().capture().since(before);
        constexpr std::uint16_t kFirstType = 0x0600;  // Below it stands a length: IEEE 802.2.
        return std::ranges::any_of(
            frames, [](const lab::FrameInfo& frame) { return frame.ethertype < kFirstType; });
    }));
}

TEST_CASE(
    "the VPN gets out by a macvlan device or a bridge on top of the card, and nothing else does",
    "[raw][fail-closed]") {
    require_programs({"ip"});
    const std::string raw = GENERATE(as<std::string>{}, "allow", "block");
    const std::string way = GENERATE(as<std::string>{}, "macvlan", "bridge");
    RawHost host(raw);
    host.shell("set -e; ip addr flush dev up0; ip link set up1 down; " +
               std::string(way == "bridge"
                               ? "ip link add out0 type bridge; ip link set up0 master out0"
                               : "ip link add link up0 name out0 type macvlan mode bridge") +
               "; ip link set out0 up; ip addr add 192.168.77.2/24 dev out0; "
               "ip route replace default via 192.168.77.1 dev out0");
    host.await_cover();
    const lab::SocketAddress to(lab::ip("203.0.113.7"), 51820);
    const auto socket = host.lab().host().socket(AF_INET, SOCK_DGRAM, 0);
    REQUIRE(socket);
    REQUIRE(setsockopt(socket->get(), SOL_SOCKET, SO_MARK, &kMark, sizeof kMark) == 0);

    CHECK(lab::eventually(kPatience, [&] {  // The router has to learn who we are.
        const std::uint32_t tag = lab::next_tag();
        const std::size_t before = host.lab().capture().size();
        const std::string payload = lab::tag_text(tag);
        return sendto(socket->get(), payload.data(), payload.size(), 0, to.get(), to.size) > 0 &&
               host.captured(tag, before) == 1;
    }));
    for (const char* const device : {"out0", "up0"}) {
        CAPTURE(device, way);
        CHECK(is_all_or_nothing(heard(host, device, "wan0"), raw));
    }
}
