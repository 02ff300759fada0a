// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/answers.hpp"
#include "../host/engine.hpp"
#include "killswitchd/paths.hpp"
#include "killswitchd/reactor.hpp"
#include "killswitchd/reconnect.hpp"
#include "service.hpp"

#include <set>
#include <string>
#include <utility>

namespace ks {

/// Asks the service manager, by a file that a path unit watches, for the units of tunnels that are
/// down. Without `reconnect` in the config nothing ever wakes it.
class Reconnector {
  public:
    Reconnector(Paths paths, Reactor& reactor, Engine& engine, Service& service)
        : paths_(std::move(paths)), reactor_(reactor), engine_(engine), service_(service) {}

    /// Something may have changed.
    void look();

  private:
    [[nodiscard]] std::set<std::string> silent_interfaces();
    void ask(const Tunnel& tunnel, unsigned times);

    Paths paths_;
    Reactor& reactor_;
    Engine& engine_;
    Service& service_;
    AnswerWatch answers_;
    Outages outages_;
};

}  // namespace ks
