// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/engine.hpp"
#include "../host/ports_watch.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/reactor.hpp"
#include "service.hpp"

#include <functional>
#include <utility>

namespace ks {

/// The files that name ports to be opened from the VPN's side, while the service runs: puts what
/// they say into force, and says what becomes of them.
class PortsFollower {
  public:
    PortsFollower(Reactor& reactor, Engine& engine, Service& service, PortsWatch watch)
        : reactor_(reactor), engine_(engine), service_(service), watch_(std::move(watch)) {}

    [[nodiscard]] OpenPorts ports(const Policy& policy) const;
    /// Calls `changed` after each change.
    [[nodiscard]] Status follow(std::function<void()> changed);
    /// Follows the files of another policy; what was open stays so where one cannot be used now.
    [[nodiscard]] Status reopen(const Policy& policy);

  private:
    void files_changed();

    Reactor& reactor_;
    Engine& engine_;
    Service& service_;
    PortsWatch watch_;
    std::function<void()> changed_;
};

}  // namespace ks
