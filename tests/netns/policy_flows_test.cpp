// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/tcp_flow.hpp"
#include "support/node_run.hpp"
#include "support/scene.hpp"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

using namespace ks;
using namespace ks::test;
using drills::Armed;

namespace {

/// Connections of both families, from before anything was locked.
std::vector<lab::TcpFlow> open_flows(Scene& scene) {
    std::vector<lab::TcpFlow> flows;
    for (const Addresses& at : kFamilies) {
        auto flow = lab::TcpFlow::open(scene.lab(), scene.host(), lab::ip(at.internet));
        REQUIRE(flow);
        flows.push_back(*std::move(flow));
    }
    return flows;
}

/// Whether anything of `flow` leaves an uplink when the host sends, or when it is sent something.
bool goes_on(Scene& scene, lab::TcpFlow& flow) {
    const std::size_t before = scene.lab().capture().size();
    static_cast<void>(flow.push());
    REQUIRE(flow.receive_push());
    must(scene.lab().capture().settle());
    const auto frames = scene.lab().capture().since(before);
    return std::ranges::any_of(frames,
                               [&](const lab::FrameInfo& frame) { return flow.matches(frame); });
}

}  // namespace

TEST_CASE("a connection from before the lock is cut, locked and protected", "[policy][flows]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(dual_policy(), armed);
    std::vector<lab::TcpFlow> flows = open_flows(scene);
    // The second state gets its own: the first ones wait long before they try again.
    std::vector<lab::TcpFlow> later = open_flows(scene);
    scene.locked_and_protected([&] {
        for (std::size_t i = 0; i < kFamilies.size(); ++i) {
            CAPTURE(kFamilies.at(i).internet);
            scene.route_past_tunnel(kFamilies.at(i).internet_net);
            CHECK(goes_on(scene, flows.at(i)) == (armed == Armed::no));
            scene.unroute_past_tunnel(kFamilies.at(i).internet_net);
        }
        flows.swap(later);
    });
}

TEST_CASE("a config that is broken at a reload changes nothing", "[policy][reload]") {
    Scene scene(tun_policy());
    const std::string path = scene.lab().scratch_from_outside() + "/killswitchd.yaml";
    const auto reload = [&](const std::string& config) {
        std::ofstream(path) << config;
        return scene.stage().command("reload");
    };
    std::ostringstream good;
    good << std::ifstream(path).rdbuf();
    scene.locked_and_protected([&] {
        CHECK(reload("version: 1\nmode: off\ntunnels: [\n") != 0);
        CHECK_FALSE(leaks(scene));
        CHECK(reload(good.str()) == 0);  // Else status says for ever that the file is broken.
    });
    scene.stage().expect_tunnel_works("after the reloads");
    scene.check_steps();

    REQUIRE(reload("version: 1\nmode: off\n") == 0);
    CHECK(lab::eventually(kPatience, [&] { return leaks(scene); }));
}
