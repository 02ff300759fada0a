// SPDX-License-Identifier: GPL-2.0-or-later
#include "stage.hpp"

#include "expectation.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/flood.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/knock.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/reach.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "record.hpp"
#include "tally.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::drills {

namespace {

constexpr lab::Millis kPatience{10'000};
/// How long an answer from outside may take: nothing in the lab is far away.
constexpr lab::Millis kKnockPatience{300};

}  // namespace

Result<Stage> Stage::build(const Policy& policy, Armed armed, const std::string& program,
                           StageOptions options) {
    options.lab.endpoints = playable_endpoints(policy);
    auto lab = lab::Lab::build(std::move(options.lab));
    if (!lab) {
        return std::move(lab).error().within("building the lab");
    }
    Stage stage(*std::move(lab), policy, armed, program, std::move(options));
    stage.write_config(policy);
    return stage;
}

Stage::Stage(lab::Lab lab, Policy policy, Armed armed, std::string program, StageOptions options)
    : lab_(std::move(lab)), policy_(std::move(policy)), expected_(policy_),
      program_(std::move(program)), on_step_(std::move(options.on_step)), vpn_(options.make_vpn()) {
    record_.armed = armed;
}

void Stage::expect(const std::string& what, const Status& result) {
    if (!result) {
        record_.failures.push_back(fmt::format("{}: {}", what, result.error().message()));
    }
}

void Stage::expect(const std::string& what, bool holds) {
    if (!holds) {
        record_.failures.push_back(what);
    }
}

// --- killswitchd
// ----------------------------------------------------------------------------------

std::vector<std::string> Stage::argv(const std::vector<std::string>& words) const {
    const std::string scratch = lab_.scratch();
    std::vector<std::string> all{program_};
    all.insert(all.end(), words.begin(), words.end());
    all.insert(all.end(), {"--config", scratch + "/killswitchd.yaml", "--state-dir",
                           scratch + "/state", "--runtime-dir", scratch + "/run"});
    return all;
}

void Stage::write_config(const Policy& policy) {
    const std::string path = lab_.scratch_from_outside() + "/killswitchd.yaml";
    std::ofstream(path) << config_text(policy);
}

void Stage::use_variant(bool one_more) {
    Policy variant = policy_;
    if (one_more) {
        Tunnel spare;
        spare.name = "spare";
        spare.interface = "ks-spare0";
        variant.tunnels.push_back(spare);
        // Else it would let IPv6 out to the local network, or by an exception without an address.
        if (expected_.allowances() == 0) {
            variant.ipv6 = policy_.ipv6 == Ipv6::block ? Ipv6::tunnel : Ipv6::block;
        }
    }
    write_config(variant);
}

int Stage::command(const std::string& verb) {
    const auto code = lab_.host().run(argv({verb}), kPatience);
    return code ? *code : -1;
}

std::string Stage::ask(const std::vector<std::string>& words) {
    auto asked = lab_.host().spawn(argv(words));
    if (!asked || !asked->wait(kPatience)) {
        return {};
    }
    return asked->output();
}

std::string Stage::service_log() const {
    return service_ ? service_->output() : std::string();
}

void Stage::start_service(const std::string& summary) {
    if (record_.armed == Armed::no) {
        static_cast<void>(command("disarm"));
    }
    auto started = lab_.host().spawn(argv({"run"}));
    if (!started) {
        return expect("the service starts", Status(started.error()));
    }
    service_.emplace(*std::move(started));
    await(summary);
}

void Stage::kill_service() {
    if (service_) {
        service_->kill();
        service_.reset();
    }
}

void Stage::await(const std::string& summary) {
    const std::string wanted = record_.armed == Armed::yes ? summary : "OPEN";
    std::string last;
    const bool met = lab::eventually(kPatience, [&] {
        last = ask({"status"});
        return last.starts_with(wanted);
    });
    if (!met) {
        expect(
            fmt::format("the state becomes {} (is: {})", wanted, last.substr(0, last.find('\n'))),
            false);
        if (service_) {
            record_.failures.push_back("service log:\n" + service_->output());
        }
    }
}

void Stage::start_counting() {
    expect("the capture settles", lab_.capture().settle());
    record_.counted_from = lab_.capture().size();
}

Record Stage::take_record() {
    expect("the capture settles", lab_.capture().settle());
    record_.uncaptured = lab_.capture().stats().lost;
    find_those_that_came_through();
    return std::move(record_);
}

Tally Stage::take_tally() {
    const Record record = take_record();
    return tally_of(record, lab_.capture().frames(), expected_);
}

/// By tag, or by what tells a TCP connection from others.
void Stage::find_those_that_came_through() {
    const std::span<const lab::FrameInfo> frames = lab_.exit_frames();
    std::set<std::uint32_t> tags;
    std::vector<lab::FrameInfo> others;
    for (const lab::FrameInfo& frame : frames) {
        tags.insert(frame.tag);
        if (frame.protocol == proto::kTcp && frame.tag == 0) {
            others.push_back(frame);
        }
    }
    for (Burst& burst : record_.bursts) {
        for (Fired& fired : burst.fired) {
            fired.through = tags.count(fired.shot.tag) != 0 ||
                            std::ranges::any_of(others, [&](const lab::FrameInfo& frame) {
                                return fired.shot.matches(frame);
                            });
        }
    }
}

// --- the VPN
// --------------------------------------------------------------------------------------

std::string Stage::interface() const {
    return policy_.tunnels.front().interface;
}

void Stage::start_server() {
    expect("the VPN server starts", vpn_->start_server(lab_));
}

void Stage::connect(std::size_t endpoint) {
    const Tunnel& tunnel = policy_.tunnels.front();
    const std::vector<Endpoint> endpoints = playable_endpoints(tunnel);
    const Endpoint& chosen = endpoints[endpoint % endpoints.size()];
    if (auto started = vpn_->connect(lab_, tunnel, chosen); !started) {
        return expect("the VPN client starts", started);
    }
    await("PROTECTED");
    expect_tunnel_works("after connecting");
}

void Stage::disconnect() {
    expect("the VPN disconnects in good order", vpn_->disconnect(lab_));
}

void Stage::expect_tunnel_works(const std::string& when) {
    if (!service_ && record_.armed == Armed::yes) {
        return;
    }
    const auto answer = lab::reach(
        lab_.host(), {lab::Service::udp_echo, lab::ip(lab::addr::kInternet), 7, {}}, kPatience);
    const bool through = answer.answered && answer.seen_as == lab::ip(lab::addr::kTunnelHost);
    expect(fmt::format("traffic goes through the tunnel {}", when), through);
}

void Stage::expect_guest_works(const std::string& when) {
    if (policy_.guests.reach == Guests::Reach::block && record_.armed == Armed::yes) {
        return;
    }
    const auto answer = lab::reach(
        lab_.guest(), {lab::Service::udp_echo, lab::ip(lab::addr::kInternet), 7, {}}, kPatience);
    expect(fmt::format("the guest's traffic goes through the tunnel {}", when), answer.answered);
}

// --- probes
// ---------------------------------------------------------------------------------------

void Stage::fire(const lab::Node& from, const std::vector<lab::Probe>& probes,
                 std::optional<std::size_t> meant_for) {
    Burst burst;
    const auto now = lab::Clock::now() - began_;
    burst.at_ms = static_cast<std::uint64_t>(std::chrono::floor<lab::Millis>(now).count());
    burst.tunnel = static_cast<bool>(lab_.host().net().index(interface()));
    burst.guest = &from == &lab_.guest();
    burst.meant_for = meant_for;
    burst.first_frame = lab_.capture().size();
    for (lab::Shot& shot : lab::fire(lab_, from, probes)) {
        burst.fired.push_back({std::move(shot), false});
    }
    expect("the capture settles", lab_.capture().settle());
    burst.end_frame = lab_.capture().size();
    record_.bursts.push_back(std::move(burst));
    if (on_step_) {
        on_step_();
    }
}

void Stage::probe(bool (*wanted)(const lab::Probe&)) {
    std::vector<lab::Probe> probes = lab::standard_probes(lab_);
    if (wanted != nullptr) {
        std::erase_if(probes, [&](const lab::Probe& probe) { return !wanted(probe); });
    }
    for (lab::Probe& probe : probes) {
        probe.sender = expected_.prober();
    }
    fire(lab_.host(), probes);
}

void Stage::probe_with(const std::vector<lab::Probe>& probes,
                       std::optional<std::size_t> meant_for) {
    fire(lab_.host(), probes, meant_for);
}

void Stage::probe_guest() {
    fire(lab_.guest(), lab::guest_probes(lab_));
}

void Stage::knock(const lab::Node& stranger, const lab::Knock& how,
                  std::optional<std::size_t> meant_for) {
    const bool answered = lab::knock(stranger, lab_.host(), how, kKnockPatience);
    record_.knocks.push_back({fmt::format("{} > {} {} {}", how.from.str(), how.to.str(),
                                          proto::name(how.protocol), how.port),
                              answered, meant_for});
    if (on_step_) {
        on_step_();
    }
}

void Stage::count_flood(std::uint32_t tag, const lab::FloodCount& count) {
    expect("the capture settles", lab_.capture().settle());
    record_.floods.push_back({tag, count.sent + count.refused + count.other});
}

}  // namespace ks::drills
