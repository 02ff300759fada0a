// SPDX-License-Identifier: GPL-2.0-or-later
#include "stage.hpp"

#include "expectation.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/flood.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/reach.hpp"
#include "killswitchd/net.hpp"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::drills {

namespace {

constexpr lab::Millis kPatience{10'000};
constexpr std::size_t kExamples = 5;

}  // namespace

Result<Stage> Stage::build(const Policy& policy, Armed armed, const std::string& program,
                           lab::LabOptions options, const MakeVpn& make_vpn) {
    options.endpoints = playable_endpoints(policy);
    auto lab = lab::Lab::build(std::move(options));
    if (!lab) {
        return std::move(lab).error().within("building the lab");
    }
    Stage stage(*std::move(lab), policy, armed, program, make_vpn());
    stage.write_config(policy);
    return stage;
}

Stage::Stage(lab::Lab lab, Policy policy, Armed armed, std::string program,
             std::unique_ptr<Vpn> vpn)
    : lab_(std::move(lab)), policy_(std::move(policy)), armed_(armed), program_(std::move(program)),
      vpn_(std::move(vpn)) {}

void Stage::expect(const std::string& what, const Status& result) {
    if (!result) {
        tally_.failures.push_back(fmt::format("{}: {}", what, result.error().message()));
    }
}

void Stage::expect(const std::string& what, bool holds) {
    if (!holds) {
        tally_.failures.push_back(what);
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
        if (!policy_.lan.allow) {  // Else it would let IPv6 out to the local network.
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
    if (armed_ == Armed::no) {
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
    const std::string wanted = armed_ == Armed::yes ? summary : "OPEN";
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
            tally_.failures.push_back("service log:\n" + service_->output());
        }
    }
}

void Stage::start_counting() {
    expect("the capture settles", lab_.capture().settle());
    counted_from_ = lab_.capture().size();
}

Tally Stage::take_tally() {
    count_strays();
    return std::move(tally_);
}

void Stage::count_strays() {
    if (armed_ == Armed::no || !counted_from_) {
        return;  // The control's host may say what it likes.
    }
    expect("the capture settles", lab_.capture().settle());
    tally_.uncaptured = lab_.capture().stats().lost;
    const Expectation expected(policy_);
    for (const lab::FrameInfo& frame : lab_.capture().since(*counted_from_)) {
        if (expected.covers(frame)) {
            continue;
        }
        ++tally_.strays;
        if (tally_.examples.size() < kExamples) {
            tally_.examples.push_back(lab::describe(frame));
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
    if (!service_ && armed_ == Armed::yes) {
        return;
    }
    const auto answer = lab::reach(
        lab_.host(), {lab::Service::udp_echo, lab::ip(lab::addr::kInternet), 7, {}}, kPatience);
    const bool through = answer.answered && answer.seen_as == lab::ip(lab::addr::kTunnelHost);
    expect(fmt::format("traffic goes through the tunnel {}", when), through);
}

void Stage::expect_guest_works(const std::string& when) {
    if (policy_.guests.reach == Guests::Reach::block && armed_ == Armed::yes) {
        return;
    }
    const auto answer = lab::reach(
        lab_.guest(), {lab::Service::udp_echo, lab::ip(lab::addr::kInternet), 7, {}}, kPatience);
    expect(fmt::format("the guest's traffic goes through the tunnel {}", when), answer.answered);
}

// --- probes
// ---------------------------------------------------------------------------------------

void Stage::fire(const lab::Node& from, const std::vector<lab::Probe>& probes) {
    auto outcomes = lab::probe_round(lab_, from, probes);
    if (!outcomes) {
        return expect("probes can be sent", Status(outcomes.error()));
    }
    const Expectation expected(policy_);
    for (lab::Outcome& outcome : *outcomes) {
        ++tally_.sent;
        std::erase_if(outcome.escaped,
                      [&](const lab::FrameInfo& frame) { return expected.is_local(frame); });
        if (outcome.escaped.empty()) {
            continue;
        }
        ++tally_.escaped;
        if (tally_.examples.size() < kExamples) {
            tally_.examples.push_back(fmt::format("{}: {}", outcome.shot.probe.name,
                                                  lab::describe(outcome.escaped.front())));
        }
    }
}

void Stage::probe(bool (*wanted)(const lab::Probe&)) {
    std::vector<lab::Probe> probes = lab::standard_probes(lab_);
    if (wanted != nullptr) {
        std::erase_if(probes, [&](const lab::Probe& probe) { return !wanted(probe); });
    }
    fire(lab_.host(), probes);
}

void Stage::count_flood(std::uint32_t tag, const lab::FloodCount& count) {
    expect("the capture settles", lab_.capture().settle());
    tally_.sent += count.sent + count.refused + count.other;
    for (const lab::FrameInfo& frame : lab_.capture().frames()) {
        tally_.escaped += frame.tag == tag ? 1 : 0;
    }
}

void Stage::probe_guest() {
    fire(lab_.guest(), lab::guest_probes(lab_));
}

}  // namespace ks::drills
