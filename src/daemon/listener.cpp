// SPDX-License-Identifier: GPL-2.0-or-later
#include "listener.hpp"

#include "killswitchd/files.hpp"
#include "killswitchd/log.hpp"

#include <cerrno>
#include <string>

#include <fmt/format.h>

#include <sys/stat.h>

namespace ks {

Status Listener::listen() {
    if (auto made = ensure_directory(paths_.runtime_dir); !made) {
        log(Severity::error, "control-unavailable", made.error().message());
    }
    watch_socket();  // Order: before there is one, or its end could be missed.
    auto listening = service_.listen(reactor_, paths_.socket());
    if (!listening && listening.error().sys_errno == EADDRINUSE) {
        return std::move(listening).error().within("another killswitchd runs here");
    }
    if (!listening) {
        log(Severity::error, "control-unavailable", listening.error().message());
    }
    return Done{};
}

void Listener::watch_socket() {
    if (socket_watch_ && socket_watch_->fd() >= 0) {
        reactor_.forget(socket_watch_->fd());
    }
    socket_watch_.emplace(SocketWatch::open(paths_.runtime_dir));
    if (socket_watch_->fd() >= 0) {
        static_cast<void>(
            reactor_.on_readable(socket_watch_->fd(), [this] { runtime_dir_changed(); }));
    }
}

void Listener::runtime_dir_changed() {
    socket_watch_->drain();
    struct stat found {};
    if (lstat(paths_.socket().c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) {
        return;
    }
    log(Severity::warning, "control-removed",
        fmt::format("'{}' was removed, listening anew", paths_.socket()));
    if (auto again = listen(); !again) {
        log(Severity::error, "control-unavailable", again.error().message());
    }
}

}  // namespace ks
