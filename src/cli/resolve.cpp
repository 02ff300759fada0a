// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/inherited.hpp"
#include "killswitchd/name_server.hpp"
#include "options.hpp"
#include "terminal.hpp"

#include <chrono>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ks::cli {

namespace {

/// Nothing of ours runs for long where nobody asks.
constexpr std::chrono::milliseconds kPatience{5'000};

/// Whoever makes this process do something else finds that it can do nothing. The unit limits it as
/// well, and then forbids to change the limits.
bool give_up_the_rest() {
    const rlimit none{0, 0};
    for (const auto resource : {RLIMIT_NPROC, RLIMIT_CORE}) {
        static_cast<void>(::setrlimit(resource, &none));
    }
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool is_packet_socket(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

}  // namespace

int resolve(const Options&) {
    if (::geteuid() == 0) {
        complain("it parses what strangers send, and does not do so as root",
                 "the service starts it as another user");
        return kRefused;
    }
    auto listener = inherited_socket(AF_UNIX, 0);
    if (!listener) {
        return fail(listener.error());
    }
    if (!*listener && !is_packet_socket(STDIN_FILENO)) {
        complain("there is nobody to answer", "the service starts it by itself");
        return kUsage;
    }
    if (!give_up_the_rest()) {
        complain("cannot give up privileges");
        return kFailed;
    }
    const Status done =
        *listener ? serve_names_at(listener->get(), kPatience) : serve_names(STDIN_FILENO);
    return done ? kDone : fail(done.error());
}

}  // namespace ks::cli
