// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <poll.h>

using namespace ks;
using namespace ks::test;
using drills::Armed;
using lab::SocketAddress;

namespace {

constexpr const char* kServers = "ff02::1:2";
constexpr std::uint16_t kClientPort = 546;
constexpr std::uint16_t kServerPort = 547;

/// A UDP socket on one device of a node.
class End {
  public:
    End(lab::Node& node, const char* device, std::uint16_t port, const char* address = "::") {
        const auto index = node.net().index(device);
        auto fd = node.socket(AF_INET6, SOCK_DGRAM, 0);
        REQUIRE((index && fd));
        index_ = *index;
        fd_ = *std::move(fd);
        const SocketAddress own(lab::ip(address), port);
        REQUIRE(lab::set_option(fd_.get(), SOL_SOCKET, SO_REUSEADDR, 1));
        REQUIRE(lab::bind_to_device(fd_.get(), device));
        REQUIRE(bind(fd_.get(), own.get(), own.size) == 0);
    }

    void serve() {
        ipv6_mreq group{};
        const IpAddress servers = lab::ip(kServers);
        std::memcpy(&group.ipv6mr_multiaddr, servers.bytes.data(), sizeof group.ipv6mr_multiaddr);
        group.ipv6mr_interface = index_;
        REQUIRE(setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &group, sizeof group) ==
                0);
    }

    void send(const IpAddress& address, std::uint16_t port) const {
        const SocketAddress to(address, port, index_);
        constexpr std::string_view kText = "DHCPv6";
        static_cast<void>(sendto(fd_.get(), kText.data(), kText.size(), 0, to.get(), to.size));
    }

    /// \return who sent it. Empty when nothing came.
    [[nodiscard]] std::optional<SocketAddress> hear() const {
        pollfd waiting{fd_.get(), POLLIN, 0};
        std::array<char, 64> text{};
        SocketAddress from;
        if (poll(&waiting, 1, 400) != 1 ||
            recvfrom(fd_.get(), text.data(), text.size(), 0, from.get(), &from.size) < 0) {
            return std::nullopt;
        }
        return from;
    }

  private:
    std::uint32_t index_ = 0;
    Fd fd_;
};

/// Whether a datagram of the host is seen to leave.
bool leaves(Scene& scene, std::uint16_t from, const char* to) {
    const std::size_t before = scene.lab().capture().size();
    End(scene.host(), "up0", from).send(lab::ip(to), kServerPort);
    must(scene.lab().capture().settle());
    return std::ranges::any_of(scene.lab().capture().since(before), [&](const auto& frame) {
        return frame.destination == lab::ip(to) && frame.destination_port == kServerPort;
    });
}

}  // namespace

TEST_CASE("DHCPv6 stays on the link, and works where IPv6 is needed outside", "[policy][dhcp]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    const bool needed = GENERATE(false, true);
    CAPTURE(needed);
    Scene scene(needed ? dual_policy() : tun_policy(), armed);
    const bool open = armed == Armed::no;
    scene.locked_and_protected([&] {
        CHECK(leaves(scene, kClientPort, kServers) == (open || needed));
        CHECK(leaves(scene, kClientPort + 1000, kServers) == open);
        CHECK(leaves(scene, kClientPort, lab::addr::kRouter6[0]) == open);
        CHECK(leaves(scene, kClientPort, lab::addr::kInternet6) == open);

        const End client(scene.host(), "up0", kClientPort);
        End server(scene.provider(), "wan0", kServerPort);
        server.serve();
        client.send(lab::ip(kServers), kServerPort);
        const auto asked = server.hear();
        CHECK(asked.has_value() == (open || needed));
        if (asked) {
            server.send(asked->address(), kClientPort);
            CHECK(client.hear());
        }
        End(scene.provider(), "wan0", kServerPort, lab::addr::kRouter6[0])
            .send(lab::ip(lab::addr::kHost6[0]), kClientPort);
        CHECK(client.hear().has_value() == open);
    });
}
