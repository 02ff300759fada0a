// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/reach.hpp"
#include "killswitchd/net.hpp"
#include "support/dhcp.hpp"
#include "support/drill_report.hpp"
#include "support/programs.hpp"
#include "support/segment.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/time.h>

using namespace ks;

namespace {

constexpr lab::Millis kPatience{3000};

drills::Stage build_stage(drills::Armed armed = drills::Armed::yes) {
    test::require_programs({});
    auto stage = drills::Stage::build(test::demo_policy(), armed, test::killswitchd(), {});
    if (!stage) {
        FAIL(stage.error().message());
    }
    return *std::move(stage);
}

/// A TCP connection of the host to itself.
bool connects_to_itself(const lab::Node& host, const IpAddress& loopback) {
    auto listener = host.socket(lab::domain_of(loopback), SOCK_STREAM, 0);
    auto client = host.socket(lab::domain_of(loopback), SOCK_STREAM, 0);
    lab::SocketAddress at(loopback, 0);
    const timeval patience{3, 0};  // Without a refusal, connect() would wait for minutes.
    return listener && client && bind(listener->get(), at.get(), at.size) == 0 &&
           listen(listener->get(), 1) == 0 &&
           getsockname(listener->get(), at.get(), &at.size) == 0 &&
           setsockopt(client->get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
           connect(client->get(), at.get(), at.size) == 0;
}

bool loopback_works(const lab::Node& host) {
    return std::ranges::all_of(std::array{"127.0.0.1", "::1"}, [&](const char* address) {
        const IpAddress to = lab::ip(address);
        return connects_to_itself(host, to) &&
               lab::reach(host, {lab::Service::ping, to, 0, {}}, kPatience).answered;
    });
}

}  // namespace

TEST_CASE("DHCP discovery and renewal work while locked and protected", "[dhcp]") {
    drills::Stage stage = build_stage();
    stage.start_server();
    stage.start_service();
    stage.start_counting();

    CHECK(test::dhcp_discovers(stage.lab(), kPatience));
    CHECK(test::dhcp_renews(stage.lab(), kPatience));
    stage.connect();
    CHECK(test::dhcp_discovers(stage.lab(), kPatience));
    CHECK(test::dhcp_renews(stage.lab(), kPatience));
    stage.client()->kill();
    stage.await("LOCKED");
    CHECK(test::dhcp_renews(stage.lab(), kPatience));

    const drills::Tally tally = stage.take_tally();
    INFO(fmt::format("{}\n{}", fmt::join(tally.failures, "\n"), fmt::join(tally.examples, "\n")));
    CHECK(tally.failures.empty());
    CHECK(tally.strays == 0);
    CHECK(tally.uncaptured == 0);
}

TEST_CASE("the ports of DHCP are no way out", "[dhcp]") {
    const auto armed = GENERATE(drills::Armed::no, drills::Armed::yes);
    drills::Stage stage = build_stage(armed);
    stage.start_service();
    const lab::Capture& capture = stage.lab().capture();
    const std::size_t before = capture.size();

    test::send_datagram(stage.lab().host(), lab::addr::kHost[0], 68, lab::addr::kInternet, 67);

    REQUIRE(stage.lab().capture().settle());
    const auto frames = capture.since(before);
    CHECK(std::ranges::any_of(frames, [](const lab::FrameInfo& frame) {
              return frame.destination == lab::ip(lab::addr::kInternet);
          }) == (armed == drills::Armed::no));
}

TEST_CASE("in panic not even DHCP is renewed", "[dhcp]") {
    drills::Stage stage = build_stage();
    stage.start_service();
    REQUIRE(test::dhcp_renews(stage.lab(), kPatience));

    REQUIRE(stage.command("lock") == 0);
    stage.await("PANIC");
    REQUIRE(stage.lab().capture().settle());  // Frames from before may still be on their way.
    const std::size_t locked_at = stage.lab().capture().size();
    CHECK_FALSE(test::dhcp_renews(stage.lab(), kPatience));
    REQUIRE(stage.lab().capture().settle());
    const auto frames = stage.lab().capture().since(locked_at);
    CHECK(std::ranges::none_of(
        frames, [](const lab::FrameInfo& frame) { return frame.destination_port == 67; }));

    REQUIRE(stage.command("unlock") == 0);
    stage.await("LOCKED");
    CHECK(test::dhcp_renews(stage.lab(), kPatience));
    CHECK(stage.take_tally().failures.empty());
}

TEST_CASE("loopback works in every state", "[loopback]") {
    drills::Stage stage = build_stage();
    const lab::Node& host = stage.lab().host();
    REQUIRE(loopback_works(host));
    stage.start_server();

    stage.start_service();
    CHECK(loopback_works(host));
    stage.connect();
    CHECK(loopback_works(host));
    REQUIRE(stage.command("lock") == 0);
    stage.await("PANIC");
    CHECK(loopback_works(host));

    CHECK(stage.take_tally().failures.empty());
}
