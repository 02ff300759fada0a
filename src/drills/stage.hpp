// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "expectation.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lab/flood.hpp"
#include "killswitchd/lab/knock.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/policy.hpp"
#include "record.hpp"
#include "tally.hpp"
#include "vpn.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ks::drills {

/// What a stage is told besides the policy.
struct StageOptions {
    lab::LabOptions lab{};  ///< The endpoints are the policy's.
    MakeVpn make_vpn = own_tunnel;
    std::function<void()> on_step{};  ///< Called whenever something was done.
};

/// One lab with killswitchd in its host, for one run of one drill. Everything ends with it.
class Stage {
  public:
    /// \param program  The killswitchd to test.
    [[nodiscard]] static Result<Stage> build(const Policy& policy, Armed armed,
                                             const std::string& program, StageOptions options);

    [[nodiscard]] lab::Lab& lab() { return lab_; }
    [[nodiscard]] Armed armed() const { return record_.armed; }
    [[nodiscard]] const Policy& policy() const { return policy_; }
    [[nodiscard]] const Expectation& expected() const { return expected_; }
    /// What was seen so far; the frames are the lab's.
    [[nodiscard]] Record take_record();
    /// take_record(), judged.
    [[nodiscard]] Tally take_tally();

    /// Something that has to work; its failure goes into the tally. A step that fails ends nothing.
    void expect(const std::string& what, const Status& result);
    void expect(const std::string& what, bool holds);

    // --- killswitchd
    // ------------------------------------------------------------------------------
    /// Starts the service, armed or disarmed as this run is, and waits for its state.
    void start_service(const std::string& summary = "LOCKED");
    /// SIGKILL.
    void kill_service();
    /// The service's process; nullptr when it does not run.
    [[nodiscard]] lab::Process* service() { return service_ ? &*service_ : nullptr; }
    /// Runs one command to its end. \return its exit code, -1 when it could not run.
    int command(const std::string& verb);
    /// Runs one command with its options. \return what it wrote.
    [[nodiscard]] std::string ask(const std::vector<std::string>& words);
    /// What the service has written; empty when it never started.
    [[nodiscard]] std::string service_log() const;
    /// Waits until `status` begins with `summary`; nothing to wait for in a control run.
    void await(const std::string& summary);
    /// Writes the config anew, with or without one more tunnel, so that a reload changes the rules.
    void use_variant(bool one_more);
    /// From here on every frame counts.
    void start_counting();

    // --- the VPN
    // ----------------------------------------------------------------------------------
    void start_server();
    /// Connects to `endpoint` of the first tunnel and proves that traffic goes through it.
    void connect(std::size_t endpoint = 0);
    void expect_tunnel_works(const std::string& when);
    /// The guest gets answers from the internet, where it may; by which way, probes tell.
    void expect_guest_works(const std::string& when);
    /// The client's process; nullptr when it never started.
    [[nodiscard]] lab::Process* client() { return vpn_->client(); }
    void disconnect();
    [[nodiscard]] std::string interface() const;

    // --- probes
    // -----------------------------------------------------------------------------------
    /// Fires every probe that `wanted` likes, once, from the host, and counts what escaped.
    void probe(bool (*wanted)(const lab::Probe&) = nullptr);
    /// The same from the guest that the host routes for.
    void probe_guest();
    /// The same with probes that are to leave by one of allowances().
    void probe_with(const std::vector<lab::Probe>& probes,
                    std::optional<std::size_t> meant_for = std::nullopt);
    /// Somebody outside tries to open a connection to the host.
    void knock(const lab::Node& stranger, const lab::Knock& how,
               std::optional<std::size_t> meant_for = std::nullopt);
    /// Counts a flood of `count` packets with `tag`, and those of them that escaped.
    void count_flood(std::uint32_t tag, const lab::FloodCount& count);

  private:
    Stage(lab::Lab lab, Policy policy, Armed armed, std::string program, StageOptions options);
    void write_config(const Policy& policy);
    void fire(const lab::Node& from, const std::vector<lab::Probe>& probes,
              std::optional<std::size_t> meant_for = std::nullopt);
    void find_those_that_came_through();
    [[nodiscard]] std::vector<std::string> argv(const std::vector<std::string>& words) const;

    lab::Lab lab_;
    Policy policy_;
    Expectation expected_;
    std::string program_;
    std::function<void()> on_step_;
    std::optional<lab::Process> service_;
    std::unique_ptr<Vpn> vpn_;
    lab::Clock::time_point began_ = lab::Clock::now();
    Record record_;
};

}  // namespace ks::drills
