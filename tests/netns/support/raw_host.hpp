// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../lab_support.hpp"
#include "catch.hpp"
#include "dhcp.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "node_run.hpp"
#include "packet_socket.hpp"
#include "programs.hpp"
#include "scene.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::test {

inline constexpr std::uint32_t kMark = 0xca6c;
inline constexpr int kFrames = 20;

/// Frames by family, in the order of kFamilies.
using Count = std::array<std::size_t, 2>;
inline constexpr Count kAll{kFrames, kFrames};
inline constexpr Count kNone{};

/// A lab whose host runs the service with this `raw`.
class RawHost {
  public:
    explicit RawHost(const std::string& raw, Phase phase = Phase::locked,
                     const std::string& more = {})
        : lab_(lab::build()), blocks_(raw == "block") {
        std::ofstream(lab_.scratch_from_outside() + "/killswitchd.yaml")
            << "version: 1\nmode: always\ntunnels:\n  - interface: tun0\n"
            << "    endpoints: [\"203.0.113.7:51820/udp\", \"[2001:db8:9::7]:51820/udp\"]\n"
            << "    only: { fwmark: 0xca6c }\nipv6: tunnel\nraw: " << raw << "\n"
            << more;
        start_service("LOCKED");
        if (phase == Phase::protected_) {
            ip("tuntap add dev tun0 mode tun");
            ip("link set tun0 up");
            REQUIRE(lab::eventually(kPatience, [&] { return status().starts_with("PROTECTED"); }));
        }
    }

    lab::Lab& lab() { return lab_; }

    std::string status() const { return run("status").second; }

    /// The rules as `render` writes them.
    std::string rendered() const { return run("render").second; }

    void ip(const std::string& words) { shell("ip " + words); }
    void shell(const std::string& command) {
        require(run_to_end(lab_.host(), {"sh", "-c", command}));
    }

    void start_service(const std::string& state) {
        auto started = lab_.host().spawn(argv("run"));
        REQUIRE(started);
        service_.emplace(*std::move(started));
        REQUIRE(lab::eventually(kPatience, [&] { return status().starts_with(state); }));
    }
    void kill_service() { service_->kill(); }

    /// Whether the kernel holds the rules that the links of this moment call for.
    bool covered() const { return run("diff").first == 0; }

    /// Waits until it does, where the config asks for rules at devices.
    void await_cover() {
        if (blocks_) {
            REQUIRE(lab::eventually(kPatience, [&] { return covered(); }));
        }
    }

    Mac router() {
        const auto mac = lab_.provider().net().mac("wan0");
        REQUIRE(mac);
        return *mac;
    }

    /// How many of `kFrames` frames of each family from a packet socket of `node` are seen outside.
    Count leaks(lab::Node& node, const std::string& device, How how) {
        Count count{};
        const PacketSocket socket(node, device, how);
        for (std::size_t family = 0; family < count.size(); ++family) {
            const std::uint32_t tag = lab::next_tag();
            const std::size_t before = lab_.capture().size();
            for (int i = 0; i < kFrames; ++i) {
                static_cast<void>(socket.send(packet(kFamilies.at(family), tag), router()));
            }
            count.at(family) = captured(tag, before);
        }
        return count;
    }

    static std::string packet(const Addresses& at, std::uint32_t tag) {
        return ip_bytes({lab::ip(at.host), lab::ip(at.internet), 443, lab::tag_text(tag)});
    }

    std::size_t captured(std::uint32_t tag, std::size_t before) {
        require(lab_.capture().settle());
        REQUIRE(lab_.capture().stats().lost == 0);
        std::size_t count = 0;
        for (const lab::FrameInfo& frame : lab_.capture().since(before)) {
            count += frame.tag == tag ? 1 : 0;
        }
        return count;
    }

    static void require(const Status& status) {
        INFO((status ? std::string() : status.error().message()));
        REQUIRE(status);
    }

  private:
    /// Exit status and output of a command.
    std::pair<int, std::string> run(const std::string& verb) const {
        auto asked = lab_.host().spawn(argv(verb));
        REQUIRE(asked);
        const auto code = asked->wait(kPatience);
        REQUIRE(code);
        return {*code, asked->output()};
    }

    std::vector<std::string> argv(const std::string& verb) const {
        const std::string scratch = lab_.scratch();
        return {killswitchd(), verb,           "--config",      scratch + "/killswitchd.yaml",
                "--state-dir", scratch + "/s", "--runtime-dir", scratch + "/r"};
    }

    mutable lab::Lab lab_;  // Its nodes have no const way to run anything.
    bool blocks_;
    std::optional<lab::Process> service_;
};

}  // namespace ks::test
