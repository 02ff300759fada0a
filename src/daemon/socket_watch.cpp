// SPDX-License-Identifier: GPL-2.0-or-later
#include "socket_watch.hpp"

#include <array>

#include <sys/inotify.h>
#include <unistd.h>

namespace ks {

SocketWatch SocketWatch::open(const std::string& directory) {
    SocketWatch watch;
    watch.inotify_ = Fd{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    ::inotify_add_watch(watch.inotify_.get(), directory.c_str(),
                        IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
    return watch;
}

void SocketWatch::drain() {
    alignas(inotify_event) std::array<char, 4096> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
}

}  // namespace ks
