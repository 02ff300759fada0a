// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ks {

/// Single-threaded epoll loop over descriptors, timers and signals. Any callback may call any
/// member, also to forget, cancel or replace itself; it must not destroy the reactor.
class Reactor {
  public:
    using Callback = std::function<void()>;
    using TimerId = std::uint64_t;

    [[nodiscard]] static Result<Reactor> open();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;
    Reactor(Reactor&&) noexcept;
    Reactor& operator=(Reactor&&) noexcept;
    ~Reactor();

    /// Calls `callback` while `fd` is readable (level-triggered) or hung up. The caller owns `fd`
    /// and calls forget() before closing it; forget() is allowed from within any callback.
    [[nodiscard]] Status on_readable(int fd, Callback callback);
    /// As on_readable(), whose place it takes, but only for errors and for an end that is closed
    /// in both directions: unread input waits without waking anybody.
    [[nodiscard]] Status on_hangup(int fd, Callback callback);
    /// Adds or removes interest in writability of an fd that one of the above knows.
    [[nodiscard]] Status on_writable(int fd, Callback callback);  ///< Empty callback: no interest.
    void forget(int fd) noexcept;

    /// Runs once after `delay`, from the loop. Nothing wakes the process while no timer is due.
    /// Time spent in suspend counts (CLOCK_BOOTTIME), so a deadline cannot be slept away.
    TimerId after(std::chrono::milliseconds delay, Callback callback);
    void cancel(TimerId id);
    /// As after(), in place of the timer with the same key, if there is one.
    void after(const std::string& key, std::chrono::milliseconds delay, Callback callback);
    void cancel(const std::string& key);  ///< Nothing happens without such a timer.

    /// Blocks the signals for this process and delivers them through `callback` from the loop.
    [[nodiscard]] Status on_signals(const std::vector<int>& signals,
                                    std::function<void(int)> callback);

    /// Loops until stop(), also one that came before. \return the first error of epoll itself.
    [[nodiscard]] Status run();
    void stop() noexcept;

  private:
    struct Impl;
    explicit Reactor(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ks
