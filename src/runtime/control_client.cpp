// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/control_client.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "unix_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace ks {

namespace {

using Clock = std::chrono::steady_clock;

/// Waits until `fd` is readable. \return ETIMEDOUT at the deadline.
Status wait_readable(int fd, std::optional<Clock::time_point> deadline) {
    for (;;) {
        int timeout_ms = -1;
        if (deadline) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
            timeout_ms = static_cast<int>(std::clamp<decltype(left)>(left, 0, 1'000'000));
        }
        pollfd wanted{fd, POLLIN, 0};
        const int ready = poll(&wanted, 1, timeout_ms);
        if (ready > 0) {
            return Done{};
        }
        if (ready < 0 && errno != EINTR) {
            return Error{"cannot wait for the service", errno};
        }
        if (deadline && Clock::now() >= *deadline) {
            return Error{"the service does not answer", ETIMEDOUT};
        }
    }
}

}  // namespace

Result<ControlClient> ControlClient::connect(const std::string& path) {
    const std::string intent = fmt::format("cannot reach the service at '{}'", path);
    const auto address = UnixAddress::of(path);
    if (!address) {
        return Error(address.error()).within(intent);
    }
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) {
        return Error{"cannot create a socket", errno}.within(intent);
    }
    // Source: socket(7). Bounds connect() too, when the backlog of a wedged service is full.
    const timeval limit{kServiceTimeout.count(), 0};
    if (setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0) {
        return Error{"cannot set a time limit", errno}.within(intent);
    }
    int rc = 0;
    do {
        rc = ::connect(fd.get(), address->get(), address->length);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) {
        return Error{intent, errno == EAGAIN ? ETIMEDOUT : errno};
    }
    return ControlClient(std::move(fd));
}

Status ControlClient::send(std::string_view message) {
    std::string framed(message);
    framed.push_back('\0');
    std::string_view left = framed;
    while (!left.empty()) {
        const ssize_t sent = ::send(fd_.get(), left.data(), left.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return Error{"cannot send to the service", errno == EAGAIN ? ETIMEDOUT : errno};
        }
        left.remove_prefix(static_cast<std::size_t>(sent));
    }
    return Done{};
}

Result<std::string> ControlClient::receive(std::optional<std::chrono::milliseconds> timeout) {
    const auto deadline = timeout ? std::optional(Clock::now() + *timeout) : std::nullopt;
    std::array<char, 16UL * 1024> chunk{};
    std::size_t searched = 0;
    for (;;) {
        const auto end = buffer_.find('\0', searched);
        if (end != std::string::npos) {
            std::string message = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            return message;
        }
        searched = buffer_.size();
        if (searched > kMaxReplyBytes) {
            return Error{"the service sent a message beyond all bounds", EMSGSIZE};
        }
        if (auto ready = wait_readable(fd_.get(), deadline); !ready) {
            return std::move(ready).error();
        }
        const ssize_t got = recv(fd_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && is_disconnect(errno))) {
            return Error{"the service closed the connection"};
        }
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            return Error{"cannot read from the service", errno};
        }
        buffer_.append(chunk.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    }
}

}  // namespace ks
