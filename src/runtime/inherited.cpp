// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/inherited.hpp"

#include "environment.hpp"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ks {

namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START.
constexpr std::int64_t kMost = 64;

int option_of(int fd, int name) {
    int value = -1;
    socklen_t size = sizeof(value);
    return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

}  // namespace

Result<Fd> inherited_socket(int domain, int protocol) {
    const auto count = number_in("LISTEN_FDS");
    if (!count || *count > kMost || number_in("LISTEN_PID") != ::getpid()) {
        return Fd();
    }
    Fd found;
    for (int fd = kFirst; fd < kFirst + static_cast<int>(*count); ++fd) {
        static_cast<void>(::fcntl(fd, F_SETFD, FD_CLOEXEC));
        if (found || option_of(fd, SO_DOMAIN) != domain || option_of(fd, SO_PROTOCOL) != protocol) {
            continue;
        }
        found.reset(::fcntl(fd, F_DUPFD_CLOEXEC, kFirst));
        if (!found) {
            return Error{"cannot duplicate the socket that systemd passed", errno};
        }
    }
    return found;
}

}  // namespace ks
