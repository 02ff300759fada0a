// SPDX-License-Identifier: GPL-2.0-or-later
#include "own_child.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ks {

namespace {

/// Of a user that has no entry, so that nothing is in its group: that of "nobody".
constexpr gid_t kNoGroup = 65534;

struct Identity {
    uid_t user;
    gid_t group;
};

/// Order: groups first, which takes the privilege that the user gives up.
bool become(const Identity& who) {
    return ::setgroups(0, nullptr) == 0 && ::setresgid(who.group, who.group, who.group) == 0 &&
           ::setresuid(who.user, who.user, who.user) == 0 &&
           ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

void reset_signals() {
    for (int number = 1; number < NSIG; ++number) {
        ::signal(number, SIG_DFL);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run(const char* word, const Identity& who, int program, int input) {
    reset_signals();
    if (::dup2(input, STDIN_FILENO) < 0 || !become(who) ||
        ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        ::_exit(1);
    }
    // ARGV is not written to. Source: execve(2); C has no const there for old programs' sake.
    const std::array<char*, 3> arguments{const_cast<char*>("killswitchd"), const_cast<char*>(word),
                                         nullptr};
    const std::array<char*, 1> environment{nullptr};
    ::fexecve(program, arguments.data(), environment.data());
    ::_exit(1);
}

}  // namespace

Result<OwnChild> OwnChild::start(const char* word, std::uint32_t user, const Fd& input) {
    if (::geteuid() != 0) {
        return Error{"only root can start it as another user", EPERM};
    }
    const Fd program{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
    if (!program) {
        return Error{"cannot find the own program", errno};
    }
    const passwd* const entry = ::getpwuid(user);  // Order: before the fork, it allocates.
    const Identity who{user, entry != nullptr ? entry->pw_gid : kNoGroup};
    const pid_t child = ::fork();
    if (child < 0) {
        return Error{"cannot start a process", errno};
    }
    if (child == 0) {
        run(word, who, program.get(), input.get());
    }
    return OwnChild(child);
}

OwnChild::OwnChild(OwnChild&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

OwnChild& OwnChild::operator=(OwnChild&& other) noexcept {
    end();
    pid_ = std::exchange(other.pid_, -1);
    return *this;
}

OwnChild::~OwnChild() {
    end();
}

void OwnChild::end() noexcept {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
    }
}

}  // namespace ks
