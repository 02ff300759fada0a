// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace ks::lab {

using Clock = std::chrono::steady_clock;
using Millis = std::chrono::milliseconds;

/// Waits until `met` holds, asking every millisecond. \return false when `limit` passed first.
[[nodiscard]] bool eventually(Millis limit, const std::function<bool()>& met);

/// A child in the lab. The destructor kills it (SIGKILL) and reaps it.
class Process {
  public:
    Process(pid_t pid, Fd pidfd, Fd output) noexcept;
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    ~Process();

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }  ///< As the caller sees it.
    [[nodiscard]] Status signal(int number) const;
    [[nodiscard]] Status stop() const;    ///< SIGSTOP; returns when it has stopped.
    [[nodiscard]] Status resume() const;  ///< SIGCONT.
    [[nodiscard]] bool running() const;
    /// \return the exit status, 128 + signal when killed; ETIMEDOUT when still running.
    [[nodiscard]] Result<int> wait(Millis limit);
    /// SIGTERM, then wait as above.
    [[nodiscard]] Result<int> terminate(Millis limit);
    /// SIGKILL and reap. Harmless when it has ended already.
    void kill() noexcept;
    /// Everything it has written to stdout and stderr so far.
    [[nodiscard]] std::string output() const;
    /// Waits until output() contains `text`; false after `limit` or when it ended without.
    [[nodiscard]] bool wait_output(std::string_view text, Millis limit) const;

  private:
    pid_t pid_ = -1;
    Fd pidfd_;
    Fd output_;
    std::optional<int> status_;
};

}  // namespace ks::lab
