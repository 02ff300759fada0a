// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
    void cancel(TimerId id) noexcept;

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

/// Credentials of the process at the other end of a socket, from SO_PEERCRED and SO_PEERGROUPS at
/// the time it connected.
/// Source: unix(7), socket(7).
struct Peer {
    std::uint32_t uid = 0;
    std::vector<std::uint32_t> gids;  ///< Primary and supplementary.
    int pid = 0;
};

/// Server side of varlink framing: JSON objects, each ended by one NUL byte, on a unix stream
/// socket.
///
/// Limits: kMaxClients connections, the last kReservedForRoot of them for uid 0 alone (one more is
/// closed at once), kMaxRequestBytes per request, kMaxQueuedBytes of unread replies (then the
/// client is closed: a slow one costs nobody else anything), kIdle without a complete request while
/// none is being answered. Bytes of a peer for which `admit` says no are never read.
///
/// A client is served one request per turn of the loop, and none while replies to it are queued.
/// One that has shut down its sending side still gets the replies to what it sent.
class ControlServer {
  public:
    static constexpr std::size_t kMaxClients = 64;
    static constexpr std::size_t kReservedForRoot = 8;
    static constexpr std::size_t kMaxRequestBytes = 64UL * 1024;
    static constexpr std::size_t kMaxQueuedBytes = 1024UL * 1024;
    static constexpr std::chrono::milliseconds kIdle{10'000};

    using ClientId = std::uint64_t;
    struct Handlers {
        /// Asked once at accept. False: the client gets org.killswitchd.PermissionDenied, then EOF.
        std::function<bool(const Peer&)> admit;
        /// One complete request without its NUL. Answer with send(); further requests of this
        /// client wait until finish() (streams may send() many times before).
        std::function<void(ClientId, const Peer&, std::string_view)> request;
        /// The client is gone; its id is never used again. Called from the loop, never from within
        /// send() or finish(), so that a list of clients can be walked while sending to each.
        std::function<void(ClientId)> closed;
    };

    /// Binds `path` with mode 0666 (admission is by credentials), replacing a dead socket. The
    /// reactor must outlive the server and stay where it is.
    /// \return EADDRINUSE when a live server answers there or something other than a socket is
    /// there;
    ///         ENAMETOOLONG when the path does not fit a socket address.
    [[nodiscard]] static Result<ControlServer> listen(Reactor& reactor, const std::string& path,
                                                      Handlers handlers);
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;
    ControlServer(ControlServer&&) noexcept;
    ControlServer& operator=(ControlServer&&) noexcept;
    /// Closes every client without calling back and removes its socket file. Not from a handler.
    ~ControlServer();

    /// Appends the NUL. An unknown id is ignored.
    void send(ClientId id, std::string_view message);
    /// The request is answered. An unknown id is ignored.
    void finish(ClientId id);

  private:
    struct Impl;
    explicit ControlServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Client side, blocking, for the command line.
class ControlClient {
  public:
    static constexpr std::chrono::seconds kServiceTimeout{5};
    static constexpr std::size_t kMaxReplyBytes = 4UL * 1024 * 1024;

    /// \return ENOENT or ECONNREFUSED when no service listens at `path`; ETIMEDOUT when it does not
    ///         accept (also of send(), when it does not read) for kServiceTimeout.
    [[nodiscard]] static Result<ControlClient> connect(const std::string& path);
    [[nodiscard]] Status send(std::string_view message);  ///< Appends the NUL.
    /// The next message without its NUL. Error without errno at end of stream; ETIMEDOUT; EMSGSIZE
    /// beyond kMaxReplyBytes.
    [[nodiscard]] Result<std::string> receive(std::optional<std::chrono::milliseconds> timeout);
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  private:
    explicit ControlClient(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
    std::string buffer_;
};

/// sd_notify(3) without libsystemd. Without $NOTIFY_SOCKET every call does nothing and succeeds.
/// Source: sd_notify(3), "Standalone implementations".
class Notifier {
  public:
    [[nodiscard]] static Notifier from_environment();
    [[nodiscard]] Status send(std::string_view assignments) const;  ///< "READY=1\nSTATUS=locked".
    /// Half of $WATCHDOG_USEC, when systemd wants this process to feed its watchdog.
    [[nodiscard]] std::optional<std::chrono::milliseconds> watchdog_interval() const;

  private:
    std::string address_;
    std::optional<std::chrono::milliseconds> watchdog_;
};

/// A duplicate of the first socket of that kind that systemd passed to this process; an empty Fd
/// when there is none. None of the passed descriptors goes on to a child. Source: sd_listen_fds(3).
[[nodiscard]] Result<Fd> inherited_socket(int domain, int protocol);

}  // namespace ks
