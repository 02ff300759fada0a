// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/control_server.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/reactor.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json_fwd.hpp>

namespace ks {

/// Answer to a method of org.killswitchd: parameters, or the name of an error and its parameters.
struct Answer {
    std::string error;  ///< Empty, or "org.killswitchd.Refused".
    std::unique_ptr<nlohmann::json> parameters;

    [[nodiscard]] static Answer ok(nlohmann::json parameters);
    [[nodiscard]] static Answer fail(std::string error, const std::string& reason);
};

/// What the control socket can ask of the daemon.
struct ServiceActions {
    std::function<nlohmann::json()> status;
    std::function<Answer(const std::string&who)> arm, disarm, lock, unlock, reload;
};

/// The varlink interface org.killswitchd on top of ControlServer: parses requests, checks who may
/// ask what, streams events to monitors. The only code of the service that parses a peer's bytes.
class Service {
  public:
    Service(ServiceActions actions, Control control)
        : actions_(std::move(actions)), control_(control) {}

    /// \return EADDRINUSE when another service answers at `path`.
    [[nodiscard]] Status listen(Reactor& reactor, const std::string& path);
    void allow(Control control) { control_ = control; }
    /// To every client that monitors: an event with key and text.
    void publish(const std::string& key, const std::string& text);

  private:
    [[nodiscard]] bool may_read(const Peer& peer) const;
    [[nodiscard]] bool may_change(const Peer& peer) const;
    void request(ControlServer::ClientId client, const Peer& peer, std::string_view text);
    void dispatch(ControlServer::ClientId client, const Peer& peer, const std::string& method,
                  bool more, bool oneway);

    ServiceActions actions_;
    Control control_;
    std::unique_ptr<ControlServer> server_;
    std::set<ControlServer::ClientId> monitors_;
};

}  // namespace ks
