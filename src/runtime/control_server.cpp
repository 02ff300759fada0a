// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/control_server.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/reactor.hpp"
#include "unix_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ks {

namespace {

constexpr std::string_view kPermissionDenied =
    R"({"error":"org.killswitchd.PermissionDenied","parameters":{}})";
/// Refused clients are kept for a moment, so that they read the reply before the end: closing with
/// unread input would reset the connection.
constexpr std::size_t kMaxRefused = 16;
constexpr std::chrono::milliseconds kRefusedLinger{1000};
/// With no descriptor or memory left, accepting again at once would only spin.
constexpr std::chrono::milliseconds kAcceptPause{200};

/// Where a client is between two requests.
enum class Phase : std::uint8_t {
    reading,    ///< No request is being answered.
    answering,  ///< From request() until finish().
    refused,    ///< Not admitted; nothing is ever read from it.
};

struct Client {
    Fd fd;
    Peer peer;
    Phase phase = Phase::reading;
    bool sent_eof = false;  ///< It has shut down its sending side.
    std::string in;
    std::string out;
    std::optional<Reactor::TimerId> deadline;
    std::optional<Reactor::TimerId> turn;  ///< Its next request, already read, waits for the loop.
};

}  // namespace

struct ControlServer::Impl {
    Reactor& reactor;
    Handlers handlers;
    std::string path;
    Fd listener;
    struct stat socket_file {};
    std::map<ClientId, Client> clients;
    ClientId next_id = 1;
    std::vector<ClientId> gone;
    std::optional<Reactor::TimerId> report_timer;
    std::optional<Reactor::TimerId> accept_timer;

    Impl(Reactor& loop, Handlers callbacks, std::string where, Fd fd)
        : reactor(loop), handlers(std::move(callbacks)), path(std::move(where)),
          listener(std::move(fd)) {}
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl();

    Status start();
    Status accept_when_ready();
    void accept_one();
    void pause_accepting();
    void take_in(Fd fd, Peer peer);
    void refuse(Fd fd, Peer peer);
    [[nodiscard]] std::size_t count(bool (*selects)(const Client&)) const;

    Client* find(ClientId id);
    void settle(ClientId id);
    void read_some(ClientId id);
    void serve_next(ClientId id);
    void flush(ClientId id);
    void expire_after(ClientId id, std::chrono::milliseconds limit);
    void drop(ClientId id);
    void release(Client& client);
    void report_gone();
};

ControlServer::Impl::~Impl() {
    for (auto& [id, client] : clients) {
        release(client);
    }
    for (const auto& timer : {report_timer, accept_timer}) {
        if (timer) {
            reactor.cancel(*timer);
        }
    }
    reactor.forget(listener.get());
    struct stat found {};
    // Another instance may have replaced the file; that one stays.
    if (lstat(path.c_str(), &found) == 0 && found.st_dev == socket_file.st_dev &&
        found.st_ino == socket_file.st_ino) {
        unlink(path.c_str());
    }
}

Status ControlServer::Impl::start() {
    if (lstat(path.c_str(), &socket_file) != 0) {
        return Error{"cannot examine the control socket", errno};
    }
    return accept_when_ready();
}

Status ControlServer::Impl::accept_when_ready() {
    return reactor.on_readable(listener.get(), [this] { accept_one(); });
}

// One per turn of the loop: a flood of connections cannot starve those who are in.
void ControlServer::Impl::accept_one() {
    Fd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            pause_accepting();
        }
        return;
    }
    auto peer = peer_of(fd.get());
    if (!peer) {
        return;
    }
    if (handlers.admit(*peer)) {
        take_in(std::move(fd), *std::move(peer));
    } else {
        refuse(std::move(fd), *std::move(peer));
    }
}

void ControlServer::Impl::pause_accepting() {
    reactor.forget(listener.get());
    accept_timer = reactor.after(kAcceptPause, [this] {
        accept_timer.reset();
        if (!accept_when_ready()) {
            pause_accepting();
        }
    });
}

std::size_t ControlServer::Impl::count(bool (*selects)(const Client&)) const {
    return static_cast<std::size_t>(
        std::count_if(clients.begin(), clients.end(),
                      [selects](const auto& entry) { return selects(entry.second); }));
}

void ControlServer::Impl::take_in(Fd fd, Peer peer) {
    const auto taken = count([](const Client& c) { return c.phase != Phase::refused; });
    if (taken >= (peer.uid == 0 ? kMaxClients : kMaxClients - kReservedForRoot)) {
        return;
    }
    const ClientId id = next_id++;
    Client& client = clients[id];
    client.fd = std::move(fd);
    client.peer = std::move(peer);
    expire_after(id, kIdle);
    settle(id);
}

void ControlServer::Impl::refuse(Fd fd, Peer peer) {
    std::string reply(kPermissionDenied);
    reply.push_back('\0');
    // A new socket has room for this; if it has not, the end of the stream says enough.
    static_cast<void>(!::send(fd.get(), reply.data(), reply.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    shutdown(fd.get(), SHUT_WR);
    if (count([](const Client& c) { return c.phase == Phase::refused; }) >= kMaxRefused) {
        return;
    }
    const ClientId id = next_id++;
    Client& client = clients[id];
    client.fd = std::move(fd);
    client.peer = std::move(peer);
    client.phase = Phase::refused;
    expire_after(id, kRefusedLinger);
    settle(id);
}

Client* ControlServer::Impl::find(ClientId id) {
    const auto at = clients.find(id);
    return at == clients.end() ? nullptr : &at->second;
}

/// Asks the reactor for exactly what the client's condition calls for.
void ControlServer::Impl::settle(ClientId id) {
    Client* const client = find(id);
    if (client == nullptr) {
        return;
    }
    const int fd = client->fd.get();
    const bool idle = client->phase == Phase::reading && client->out.empty();
    const bool has_request = client->in.find('\0') != std::string::npos;
    if (idle && client->sent_eof && !has_request) {
        return drop(id);
    }
    if (idle && has_request && !client->turn) {
        client->turn = reactor.after(std::chrono::milliseconds(0), [this, id] { serve_next(id); });
    }
    const bool wants_input = idle && !has_request;
    auto input = wants_input ? reactor.on_readable(fd, [this, id] { read_some(id); })
                             : reactor.on_hangup(fd, [this, id] { drop(id); });
    auto output = client->out.empty() ? reactor.on_writable(fd, {})
                                      : reactor.on_writable(fd, [this, id] { flush(id); });
    if (!input || !output) {
        drop(id);
    }
}

void ControlServer::Impl::read_some(ClientId id) {
    Client& client = *find(id);
    std::array<char, 16UL * 1024> chunk{};
    const ssize_t got = recv(client.fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got < 0) {
        return drop(id);
    }
    client.sent_eof = got == 0;
    client.in.append(chunk.data(), static_cast<std::size_t>(got));
    if (std::min(client.in.find('\0'), client.in.size()) > kMaxRequestBytes) {
        return drop(id);
    }
    settle(id);
}

void ControlServer::Impl::serve_next(ClientId id) {
    Client& client = *find(id);
    client.turn.reset();
    const auto end = client.in.find('\0');
    const std::string request = client.in.substr(0, end);
    client.in.erase(0, end + 1);
    client.phase = Phase::answering;
    if (client.deadline) {
        reactor.cancel(*client.deadline);
        client.deadline.reset();
    }
    const Peer peer = client.peer;  // The handler may make this client go away.
    settle(id);
    handlers.request(id, peer, request);
}

void ControlServer::Impl::flush(ClientId id) {
    Client& client = *find(id);
    while (!client.out.empty()) {
        const ssize_t sent = ::send(client.fd.get(), client.out.data(), client.out.size(),
                                    MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno == EAGAIN) {
            break;
        }
        if (sent < 0) {
            return drop(id);
        }
        client.out.erase(0, static_cast<std::size_t>(sent));
    }
    settle(id);
}

void ControlServer::Impl::expire_after(ClientId id, std::chrono::milliseconds limit) {
    find(id)->deadline = reactor.after(limit, [this, id] {
        find(id)->deadline.reset();
        drop(id);
    });
}

void ControlServer::Impl::release(Client& client) {
    for (const auto& timer : {client.deadline, client.turn}) {
        if (timer) {
            reactor.cancel(*timer);
        }
    }
    reactor.forget(client.fd.get());
}

void ControlServer::Impl::drop(ClientId id) {
    const auto at = clients.find(id);
    release(at->second);
    const bool was_known = at->second.phase != Phase::refused;
    clients.erase(at);
    if (was_known) {
        gone.push_back(id);
    }
    if (was_known && !report_timer) {
        report_timer = reactor.after(std::chrono::milliseconds(0), [this] { report_gone(); });
    }
}

void ControlServer::Impl::report_gone() {
    report_timer.reset();
    for (const ClientId id : std::exchange(gone, {})) {
        handlers.closed(id);
    }
}

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::ControlServer(ControlServer&&) noexcept = default;
ControlServer& ControlServer::operator=(ControlServer&&) noexcept = default;
ControlServer::~ControlServer() = default;

Result<ControlServer> ControlServer::listen(Reactor& reactor, const std::string& path,
                                            Handlers handlers) {
    auto fd = listen_at(path);
    if (!fd) {
        return std::move(fd).error();
    }
    auto impl = std::make_unique<Impl>(reactor, std::move(handlers), path, *std::move(fd));
    if (auto started = impl->start(); !started) {
        return std::move(started).error();
    }
    return ControlServer(std::move(impl));
}

void ControlServer::send(ClientId id, std::string_view message) {
    Client* const client = impl_->find(id);
    if (client == nullptr) {
        return;
    }
    client->out.append(message);
    client->out.push_back('\0');
    impl_->flush(id);
    if (Client* const left = impl_->find(id);
        left != nullptr && left->out.size() > kMaxQueuedBytes) {
        impl_->drop(id);
    }
}

void ControlServer::finish(ClientId id) {
    Client* const client = impl_->find(id);
    if (client == nullptr || client->phase != Phase::answering) {
        return;
    }
    client->phase = Phase::reading;
    impl_->expire_after(id, kIdle);
    impl_->settle(id);
}

}  // namespace ks
