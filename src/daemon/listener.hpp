// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/paths.hpp"
#include "killswitchd/reactor.hpp"
#include "service.hpp"
#include "socket_watch.hpp"

#include <optional>
#include <utility>

namespace ks {

/// Keeps the control socket there: whoever cannot find it takes the service for stopped.
class Listener {
  public:
    Listener(Paths paths, Reactor& reactor, Service& service)
        : paths_(std::move(paths)), reactor_(reactor), service_(service) {}

    /// Only a second service is a reason not to start: without a socket the lock must still hold.
    [[nodiscard]] Status listen();

  private:
    void watch_socket();
    void runtime_dir_changed();

    Paths paths_;
    Reactor& reactor_;
    Service& service_;
    std::optional<SocketWatch> socket_watch_;
};

}  // namespace ks
