// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/flood.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/policy.hpp"
#include "vpn.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ks::drills {

/// Whether the kill switch protects the lab's host in this run, or the run is the control.
enum class Armed : std::uint8_t { no, yes };

/// What one run of one drill saw.
struct Tally {
    std::size_t sent = 0;               ///< Probes fired.
    std::size_t escaped = 0;            ///< Probes seen in clear on an uplink.
    std::size_t strays = 0;             ///< Any other frame that is not permitted.
    std::uint64_t uncaptured = 0;       ///< Frames the capture lost: then nothing is proven.
    std::vector<std::string> examples;  ///< A few of the escaped and stray frames.
    std::vector<std::string> failures;  ///< What should have worked and did not.
};

/// One lab with killswitchd in its host, for one run of one drill. Everything ends with it.
class Stage {
  public:
    /// \param program  The killswitchd to test.
    /// \param options  Of the lab; the endpoints are the policy's.
    [[nodiscard]] static Result<Stage> build(const Policy& policy, Armed armed,
                                             const std::string& program, lab::LabOptions options,
                                             const MakeVpn& make_vpn = own_tunnel);

    [[nodiscard]] lab::Lab& lab() { return lab_; }
    [[nodiscard]] Armed armed() const { return armed_; }
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
    /// Counts a flood of `count` packets with `tag`, and those of them that escaped.
    void count_flood(std::uint32_t tag, const lab::FloodCount& count);

  private:
    Stage(lab::Lab lab, Policy policy, Armed armed, std::string program, std::unique_ptr<Vpn> vpn);
    void write_config(const Policy& policy);
    void fire(const lab::Node& from, const std::vector<lab::Probe>& probes);
    void count_strays();
    [[nodiscard]] std::vector<std::string> argv(const std::vector<std::string>& words) const;

    lab::Lab lab_;
    Policy policy_;
    Armed armed_;
    std::string program_;
    std::optional<lab::Process> service_;
    std::unique_ptr<Vpn> vpn_;
    std::optional<std::size_t> counted_from_;
    Tally tally_;
};

}  // namespace ks::drills
