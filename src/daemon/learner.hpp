// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/auto_watch.hpp"
#include "../host/engine.hpp"
#include "killswitchd/paths.hpp"
#include "killswitchd/reactor.hpp"
#include "service.hpp"

#include <string>
#include <utility>

namespace ks {

/// Keeps the servers of tunnels with `auto` up to date: asks their devices when one of them comes
/// or changes, and for a while after it. Without such a device nothing ever wakes it.
class Learner {
  public:
    Learner(Paths paths, Reactor& reactor, Engine& engine, Service& service, LearnedServers known)
        : paths_(std::move(paths)), reactor_(reactor), engine_(engine), service_(service),
          watch_(std::move(known)) {}

    /// The policy is another, or the service begins.
    void look();
    /// Some link changed, perhaps one of theirs.
    void links_changed();

  private:
    void tell(const char* key, const std::string& text);

    Paths paths_;
    Reactor& reactor_;
    Engine& engine_;
    Service& service_;
    AutoWatch watch_;
};

}  // namespace ks
