// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/flood.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/own_cgroup.hpp"
#include "support/programs.hpp"
#include "support/scene.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <poll.h>
#include <sys/socket.h>

using namespace ks;
using namespace ks::test;
using drills::Armed;

namespace {

constexpr uid_t kUser = 4711;
constexpr uid_t kOther = 4713;
constexpr std::uint16_t kPort = 4434;

Policy apps_policy() {
    Policy policy = tun_policy();
    policy.scope = Scope::apps;
    policy.apps.users = {kUser};
    return policy;
}

/// A connection from the host to a server in the internet that does not read for now.
class Stuffed {
  public:
    Stuffed(Scene& scene, uid_t user) : scene_(scene) {
        const lab::SocketAddress any(lab::any_address(IpFamily::v4), kPort);
        auto listener = scene.lab().internet().socket(AF_INET, SOCK_STREAM, 0);
        REQUIRE(listener);
        REQUIRE(lab::set_option(listener->get(), SOL_SOCKET, SO_REUSEADDR, 1));
        REQUIRE(bind(listener->get(), any.get(), any.size) == 0);
        REQUIRE(listen(listener->get(), 1) == 0);
        const SocketOwner owner(user);
        auto made = scene.host().socket(AF_INET, SOCK_STREAM, 0);
        REQUIRE(made);
        client_ = *std::move(made);
        const lab::SocketAddress to(lab::ip(lab::addr::kInternet), kPort);
        REQUIRE(connect(client_.get(), to.get(), to.size) == 0);
        server_ = Fd{accept(listener->get(), nullptr, nullptr)};
        REQUIRE(server_.get() >= 0);
        const std::array<char, 4096> data{};
        for (;;) {  // Until the other side's buffer is full and so is ours.
            const auto taken =
                send(client_.get(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (taken < 0) {
                break;
            }
            sent_ += static_cast<std::size_t>(taken);
        }
    }

    /// The program ends with all of it queued.
    void close() { client_ = Fd{}; }
    /// Frames count from here on.
    void begin() {
        must(scene_.lab().capture().settle());
        begin_ = scene_.lab().capture().size();
    }

    /// The server begins to read, to the end or until nothing comes. \return the bytes.
    std::size_t read_all() {
        std::size_t got = 0;
        std::array<char, 65536> data{};
        pollfd waiting{server_.get(), POLLIN, 0};
        while (poll(&waiting, 1, kSilence) == 1) {
            const auto more = recv(server_.get(), data.data(), data.size(), MSG_DONTWAIT);
            if (more <= 0) {
                break;
            }
            got += static_cast<std::size_t>(more);
        }
        return got;
    }

    [[nodiscard]] std::size_t sent() const { return sent_; }

    /// Frames of the connection that have left an uplink since begin().
    [[nodiscard]] std::size_t frames() {
        must(scene_.lab().capture().settle());
        const auto since = scene_.lab().capture().since(begin_);
        return static_cast<std::size_t>(
            std::ranges::count_if(since, [](const lab::FrameInfo& frame) {
                return frame.protocol == proto::kTcp && frame.destination_port == kPort &&
                       frame.destination == lab::ip(lab::addr::kInternet);
            }));
    }

  private:
    static constexpr int kSilence = 300;

    Scene& scene_;
    Fd client_;
    Fd server_;
    std::size_t sent_ = 0;
    std::size_t begin_ = 0;
};

/// What is started runs, and sends one datagram to the internet; who is free gets it out.
bool one_leaves(Scene& scene, std::vector<std::string> words) {
    const std::size_t before = scene.lab().capture().size();
    const std::string send = fmt::format("echo ks >/dev/udp/{}/443", lab::addr::kInternet);
    words.insert(words.end(), {"bash", "-c", send});
    static_cast<void>(run_to_end(scene.host(), words));
    must(scene.lab().capture().settle());
    const auto frames = scene.lab().capture().since(before);
    return std::ranges::any_of(frames, [](const lab::FrameInfo& frame) {
        return frame.protocol == proto::kUdp && frame.destination_port == 443;
    });
}

std::vector<std::string> run_confined(Scene& scene) {
    const std::string dir = scene.lab().scratch();
    return {killswitchd(), "--config",     dir + "/killswitchd.yaml",
            "--state-dir", dir + "/state", "--runtime-dir",
            dir + "/run",  "run-confined", "--"};
}

void need_cgroups() {
    if (cgroup_root().empty()) {
        skip("there is no cgroup of version 2 here");
    }
}

}  // namespace

TEST_CASE("what a program leaves in a closed socket stays inside", "[apps][closed]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(apps_policy(), armed);
    Stuffed flow(scene, kUser);
    flow.close();  // Before the lock: what it tried then would be its own, and end it.
    scene.lock();
    flow.begin();

    const std::size_t got = flow.read_all();

    if (armed == Armed::no) {
        CHECK(got == flow.sent());
        CHECK(flow.frames() > 0);
    } else {
        CHECK(got < flow.sent());
        CHECK(flow.frames() == 0);
    }
}

TEST_CASE("what was for the tunnel does not follow another route when its program is gone",
          "[apps][closed]") {
    const auto armed = GENERATE(Armed::no, Armed::yes);
    Scene scene(apps_policy(), armed);
    scene.protect();
    Stuffed flow(scene, kUser);

    // The address stays, and with it what was sent from it; the routes go.
    must_run(scene.host(), {"ip", "link", "set", "tun0", "down"});
    flow.begin();
    flow.close();

    if (armed == Armed::no) {
        CHECK(lab::eventually(kPatience, [&] { return flow.frames() > 0; }));
    } else {  // It has been tried.
        CHECK(lab::eventually(kPatience, [&] { return scene.counted("spoof") > 0; }));
        CHECK(flow.frames() == 0);
    }
}

TEST_CASE("a free program may end with data in its socket", "[apps][closed]") {
    Scene scene(apps_policy());
    scene.lock();
    Stuffed flow(scene, kOther);

    flow.begin();
    flow.close();

    CHECK(flow.read_all() == flow.sent());
    CHECK(flow.frames() > 0);
}

TEST_CASE("what run-confined starts is confined, with the service dead too", "[apps][slice]") {
    need_cgroups();
    require_programs({"bash"});
    Policy policy = apps_policy();
    policy.apps.users.clear();
    Scene scene(policy);
    scene.lock();
    REQUIRE(one_leaves(scene, {}));

    CHECK_FALSE(one_leaves(scene, run_confined(scene)));
    scene.stage().kill_service();
    CHECK_FALSE(one_leaves(scene, run_confined(scene)));
    CHECK(one_leaves(scene, {}));
}

TEST_CASE("run-confined starts nothing where nothing would be confined", "[apps][slice]") {
    need_cgroups();
    require_programs({"bash"});
    Scene scene(apps_policy(), Armed::no);
    scene.lock();

    CHECK_FALSE(one_leaves(scene, run_confined(scene)));
    CHECK(one_leaves(scene, {}));
}

TEST_CASE("a reload to scope: apps has no moment in which a cgroup is free", "[apps][reload]") {
    const OwnCgroup own;
    own.make();
    Policy apps = tun_policy();
    apps.scope = Scope::apps;
    apps.apps.cgroups = {own.path()};
    Scene scene(tun_policy());
    scene.lock();
    const std::string config = scene.lab().scratch_from_outside() + "/killswitchd.yaml";

    own.enter();
    auto flood =
        lab::Flood::start(scene.host(), lab::ip(lab::addr::kInternet), 443, {"up0", 0, 20'000});
    own.leave();
    REQUIRE(flood);
    std::ifstream old(config);
    const std::string all((std::istreambuf_iterator<char>(old)), std::istreambuf_iterator<char>());
    for (int turn = 0; turn < 10; ++turn) {
        std::ofstream(config) << (turn % 2 == 0 ? config_text(apps) : all);
        CHECK(scene.stage().command("reload") == 0);
    }
    const lab::FloodCount count = flood->stop();

    must(scene.lab().capture().settle());
    CHECK(count.refused > 0);
    const auto frames = scene.lab().capture().frames();
    CHECK(std::ranges::count(frames, flood->tag(), &lab::FrameInfo::tag) == 0);
}
