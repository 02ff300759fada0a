// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/reactor.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

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

    /// Binds `path` with mode 0666 (admission is by credentials), replacing a dead socket and any
    /// other file. The reactor must outlive the server and stay where it is.
    /// \return EADDRINUSE when a live server answers there; ENOTEMPTY when a directory with
    ///         something in it is there;
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

}  // namespace ks
