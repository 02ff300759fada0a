// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/blocked.hpp"
#include "../host/status_report.hpp"
#include "killswitchd/control_server.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/intents.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/reactor.hpp"
#include "leases.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace ks {

/// Why the daemon did not do what it was asked.
struct Failure {
    enum class Kind : std::uint8_t { refused, failed, config_invalid } kind = Kind::failed;
    std::string reason;
    std::string hint{};
};
using Answer = Result<StatusReport, Failure>;

/// What the control socket can ask of the daemon. `who` names the peer, for people.
struct ServiceActions {
    std::function<StatusReport()> status;
    std::function<Answer(const Request& request, const std::string& who)> change;
    std::function<Answer(const std::string& who)> reload;
    /// The packets that were refused lately, or why they are not known.
    std::function<Result<std::vector<BlockedPacket>, Failure>()> blocked;
    /// Whether somebody waits for packets that are refused.
    std::function<void(bool)> await_blocked;
    /// The leases are others; `text` says what became of which.
    std::function<Answer(const std::string& text)> leases;
};

/// The varlink interface org.killswitchd on top of ControlServer: parses requests, checks who may
/// ask what, streams events to monitors. The only code of the service that parses a peer's bytes.
class Service {
  public:
    Service(ServiceActions actions, Control control)
        : actions_(std::move(actions)), control_(control) {}

    /// Listens at `path`, anew when it did already: then every client is gone.
    /// \return EADDRINUSE when another service answers at `path`.
    [[nodiscard]] Status listen(Reactor& reactor, const std::string& path);
    void allow(Control control) { control_ = control; }
    [[nodiscard]] const Leases& leases() const noexcept { return leases_; }
    /// To every client that monitors: an event with key and text.
    void publish(const std::string& key, const std::string& text);
    /// To every client that waits for them.
    void publish(const std::vector<BlockedPacket>& packets);

  private:
    [[nodiscard]] bool may_read(const Peer& peer) const;
    [[nodiscard]] bool may_change(const Peer& peer) const;
    void request(ControlServer::ClientId client, const Peer& peer, std::string_view text);
    /// The answer to a method, or nothing when more of them follow.
    [[nodiscard]] std::string dispatch(ControlServer::ClientId client, const Peer& peer,
                                       const nlohmann::json& request);
    /// The same of Blocked.
    [[nodiscard]] std::string show_blocked(ControlServer::ClientId client, const Peer& peer,
                                           const nlohmann::json& request);
    void lose(ControlServer::ClientId client);
    /// One of the answers to Monitor.
    [[nodiscard]] std::string event(const std::string& key, const std::string& text) const;
    [[nodiscard]] std::string change(const Peer& peer, const std::string& method,
                                     const nlohmann::json& parameters);
    /// The first answer to AllowEndpoint, which is also the last unless it is a lease.
    [[nodiscard]] std::string lease(ControlServer::ClientId client, const Peer& peer,
                                    const nlohmann::json& request);
    [[nodiscard]] Answer grant(ControlServer::ClientId client, const Peer& peer,
                               const LeaseWish& wish);

    struct PastEvent {
        std::string time, key, text;
    };

    ServiceActions actions_;
    Control control_;
    std::unique_ptr<ControlServer> server_;
    std::set<ControlServer::ClientId> monitors_;
    Leases leases_;
    std::deque<PastEvent> past_;
    std::set<ControlServer::ClientId> await_blocked_;
};

}  // namespace ks
