// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/policy.hpp"
#include "support/node_run.hpp"
#include "support/openvpn.hpp"
#include "support/programs.hpp"
#include "support/scene.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;

namespace {

namespace fs = std::filesystem;

Policy hooks_policy(const char* interface) {
    Policy policy = tun_policy();
    policy.mode = Mode::on_drop;
    policy.boot = BootLock::open;
    policy.tunnels.front().interface = interface;
    return policy;
}

std::string example(const std::string& name) {
    const char* const examples = std::getenv("KS_EXAMPLES");
    return fmt::format("{}/hooks/{}", examples == nullptr ? "examples" : examples, name);
}

/// Puts a file into the lab's scratch directory. \return its path there.
std::string place(Scene& scene, const std::string& name, const std::string& text) {
    const fs::path path = fs::path(scene.lab().scratch_from_outside()) / name;
    std::ofstream(path) << text;
    fs::permissions(path, fs::perms::owner_all);
    return scene.lab().scratch() + "/" + name;
}

/// A `killswitchd` for the hooks to find, with the lab's directories. \return its PATH.
std::string install(Scene& scene) {
    const std::string scratch = scene.lab().scratch();
    place(scene, "killswitchd",
          fmt::format("#!/bin/sh\nexec {0} --config {1}/killswitchd.yaml --state-dir {1}/state "
                      "--runtime-dir {1}/run \"$@\"\n",
                      killswitchd(), scratch));
    return scratch + ":/usr/sbin:/usr/bin:/sbin:/bin";
}

void start_open(Scene& scene) {
    scene.stage().start_service("OPEN");
    scene.check_steps();
    REQUIRE(leaks(scene));
}

void check_state(Scene& scene, const char* summary, bool open) {
    scene.stage().await(summary);
    scene.check_steps();
    CHECK(leaks(scene) == open);
}

std::string read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("wg-quick arms before its tunnel, and disarms after it", "[policy][on-drop][hooks]") {
    require_programs({"wg", "wg-quick", "wireguard-go"});
    Scene scene(hooks_policy("wg0"));
    const std::string path = "PATH=" + install(scene);
    start_open(scene);
    constexpr const char* kAnyKey = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=";
    const std::string config =
        place(scene, "wg0.conf",
              fmt::format("[Interface]\nPrivateKey = {}\nAddress = 10.99.0.2/24\nTable = off\n{}",
                          kAnyKey, read(example("wg-quick.conf"))));
    const auto quick = [&](const char* verb) {
        must_run(scene.host(), {"env", path, "WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go",
                                "wg-quick", verb, config});
    };

    quick("up");
    check_state(scene, "PROTECTED", /*open=*/false);
    must(scene.host().net().delete_link("wg0"));
    check_state(scene, "LOCKED", /*open=*/false);
    quick("up");
    quick("down");
    check_state(scene, "OPEN", /*open=*/true);
}

TEST_CASE("OpenVPN arms with its tunnel, and disarms only when it is told to end",
          "[policy][on-drop][hooks]") {
    require_programs({"openvpn"});
    const int signal = GENERATE(SIGTERM, SIGKILL);
    Scene scene(hooks_policy("tun0"));
    const std::string path = install(scene);
    start_open(scene);
    const std::string hook = place(scene, "openvpn.sh", read(example("openvpn.sh")));
    REQUIRE(make_certificate(scene.lab(), "client"));
    const std::string identity = scene.lab().scratch() + "/client";
    // Without --pull it is up at once, and needs no server.
    auto client = scene.host().spawn({"openvpn",
                                      "--dev",
                                      "tun0",
                                      "--ifconfig",
                                      "10.99.0.2",
                                      "10.99.0.1",
                                      "--remote",
                                      "203.0.113.7",
                                      "51820",
                                      "--proto",
                                      "udp",
                                      "--setenv",
                                      "PATH",
                                      path,
                                      "--up",
                                      hook,
                                      "--down",
                                      hook,
                                      "--tls-client",
                                      "--ca",
                                      identity + ".crt",
                                      "--cert",
                                      identity + ".crt",
                                      "--key",
                                      identity + ".key",
                                      "--script-security",
                                      "2",
                                      "--disable-dco"});
    REQUIRE(client);
    REQUIRE(client->wait_output("link remote", kPatience));  // It acts on signals from here on.
    check_state(scene, "PROTECTED", /*open=*/false);

    must(client->signal(signal));
    REQUIRE(client->wait(kPatience));

    const bool asked = signal == SIGTERM;
    check_state(scene, asked ? "OPEN" : "LOCKED", asked);
}

TEST_CASE("NetworkManager's hook arms for a tunnel that comes up, and never disarms",
          "[policy][on-drop][hooks]") {
    Scene scene(hooks_policy("tun0"));
    const std::string path = "PATH=" + install(scene);
    start_open(scene);
    const std::string hook = place(scene, "nm.sh", read(example("networkmanager.sh")));
    const auto dispatch = [&](const char* interface, const char* action) {
        must_run(scene.host(), {"env", path, hook, interface, action});
    };

    dispatch("eth0", "pre-up");
    check_state(scene, "OPEN", /*open=*/true);
    dispatch("tun0", GENERATE("pre-up", "vpn-pre-up"));
    check_state(scene, "LOCKED", /*open=*/false);
    dispatch("tun0", "vpn-down");
    check_state(scene, "LOCKED", /*open=*/false);
}
