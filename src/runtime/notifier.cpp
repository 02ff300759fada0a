// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/notifier.hpp"

#include "environment.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "unix_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <sys/time.h>
#include <unistd.h>

namespace ks {

Notifier Notifier::from_environment() {
    Notifier notifier;
    const char* const address = std::getenv("NOTIFY_SOCKET");
    notifier.address_ = address != nullptr ? address : "";
    // Source: sd_watchdog_enabled(3). The number may be meant for a parent that passed it on.
    const bool is_for_another =
        std::getenv("WATCHDOG_PID") != nullptr && number_in("WATCHDOG_PID") != getpid();
    if (const auto limit = number_in("WATCHDOG_USEC"); limit && !is_for_another) {
        const auto half = std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::microseconds(*limit / 2));
        notifier.watchdog_ = std::max(half, std::chrono::milliseconds(1));
    }
    return notifier;
}

Status Notifier::send(std::string_view assignments) const {
    if (address_.empty()) {
        return Done{};
    }
    if (address_.front() != '/' && address_.front() != '@') {
        return Error{"cannot notify the service manager, NOTIFY_SOCKET is neither a path nor '@'",
                     EAFNOSUPPORT};
    }
    const auto address = UnixAddress::of(address_);
    if (!address) {
        return Error(address.error()).within("cannot notify the service manager");
    }
    const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    // A service manager that does not read must not stop the event loop for long.
    const timeval limit{1, 0};
    if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
        sendto(fd.get(), assignments.data(), assignments.size(), MSG_NOSIGNAL, address->get(),
               address->length) < 0) {
        return Error{"cannot notify the service manager", errno};
    }
    return Done{};
}

std::optional<std::chrono::milliseconds> Notifier::watchdog_interval() const {
    return watchdog_;
}

}  // namespace ks
