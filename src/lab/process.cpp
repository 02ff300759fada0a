// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/process.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ks::lab {
namespace {

/// True once the process behind `pidfd` has ended.
bool ended(int pidfd, Millis limit) {
    pollfd waiting{pidfd, POLLIN, 0};
    return poll(&waiting, 1, static_cast<int>(limit.count())) == 1;
}

}  // namespace

bool eventually(Millis limit, const std::function<bool()>& met) {
    const auto until = Clock::now() + limit;
    while (!met()) {
        if (Clock::now() >= until) {
            return false;
        }
        poll(nullptr, 0, 1);
    }
    return true;
}

Process::Process(pid_t pid, Fd pidfd, Fd output) noexcept
    : pid_(pid), pidfd_(std::move(pidfd)), output_(std::move(output)) {}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)),
      output_(std::move(other.output_)), status_(std::exchange(other.status_, std::nullopt)) {}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        kill();
        pid_ = std::exchange(other.pid_, -1);
        pidfd_ = std::move(other.pidfd_);
        output_ = std::move(other.output_);
        status_ = std::exchange(other.status_, std::nullopt);
    }
    return *this;
}

Process::~Process() {
    kill();
}

Status Process::signal(int number) const {
    if (syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0) {
        return Error{fmt::format("cannot send signal {} to process {}", number, pid_), errno};
    }
    return Done{};
}

Status Process::stop() const {
    if (auto sent = signal(SIGSTOP); !sent) {
        return sent;
    }
    siginfo_t info{};
    if (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WSTOPPED) != 0) {
        return Error{fmt::format("cannot wait for process {} to stop", pid_), errno};
    }
    return Done{};
}

Status Process::resume() const {
    return signal(SIGCONT);
}

bool Process::running() const {
    return pidfd_ && !status_ && !ended(pidfd_.get(), Millis{0});
}

Result<int> Process::wait(Millis limit) {
    if (status_) {
        return *status_;
    }
    if (!ended(pidfd_.get(), limit)) {
        return Error{fmt::format("process {} still runs after {} ms", pid_, limit.count()),
                     ETIMEDOUT};
    }
    siginfo_t info{};
    if (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0) {
        return Error{fmt::format("cannot learn how process {} ended", pid_), errno};
    }
    status_ = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return *status_;
}

Result<int> Process::terminate(Millis limit) {
    if (running()) {
        if (auto sent = signal(SIGTERM); !sent) {
            return std::move(sent).error();
        }
    }
    return wait(limit);
}

void Process::kill() noexcept {
    if (!pidfd_ || status_) {
        return;
    }
    syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    siginfo_t info{};
    if (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) == 0) {
        status_ = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    } else {
        status_ = 128 + SIGKILL;  // The lab is gone and has reaped it.
    }
}

std::string Process::output() const {
    std::string text;
    std::array<char, 4096> piece{};
    for (;;) {
        const auto got =
            pread(output_.get(), piece.data(), piece.size(), static_cast<off_t>(text.size()));
        if (got <= 0) {
            return text;
        }
        text.append(piece.data(), static_cast<std::size_t>(got));
    }
}

bool Process::wait_output(std::string_view text, Millis limit) const {
    const auto said = [&] { return output().find(text) != std::string::npos; };
    static_cast<void>(eventually(limit, [&] { return said() || !running(); }));
    return said();
}

}  // namespace ks::lab
