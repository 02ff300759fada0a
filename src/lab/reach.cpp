// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/reach.hpp"

#include "address.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "services.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <poll.h>
#include <unistd.h>

namespace ks::lab {
namespace {

constexpr Millis kPerTry{100};

int socket_type(Service service) {
    switch (service) {
    case Service::tcp_echo:
        return SOCK_STREAM;
    case Service::ping:
        return SOCK_RAW;
    case Service::udp_echo:
    case Service::dns:
        return SOCK_DGRAM;
    }
    return SOCK_DGRAM;
}

int socket_protocol(const ReachTarget& target) {
    if (target.service != Service::ping) {
        return 0;
    }
    return target.to.family == IpFamily::v4 ? proto::kIcmp : proto::kIcmpv6;
}

std::string request_for(const ReachTarget& target, const std::string& tag) {
    if (target.service == Service::dns) {
        return dns_query(tag);
    }
    if (target.service != Service::ping) {
        return tag;
    }
    return icmp_echo(target.to.family, tag);
}

/// An answer holds our tag and, for ping, is an echo reply: our own request is seen as well when
/// we ping ourselves.
bool is_answer(const ReachTarget& target, std::string_view text, std::string_view tag) {
    if (text.find(tag) == std::string_view::npos) {
        return false;
    }
    if (target.service != Service::ping) {
        return true;
    }
    const std::size_t header =
        target.to.family == IpFamily::v4 ? std::size_t{4} * (text[0] & 0x0f) : 0;
    const auto type = static_cast<std::uint8_t>(header < text.size() ? text[header] : 0);
    return type == (target.to.family == IpFamily::v4 ? 0 : 129);
}

std::optional<IpAddress> seen_address(std::string_view text) {
    constexpr std::string_view kFrom = "from ";
    const std::size_t end = text.find(';');
    if (!text.starts_with(kFrom) || end == std::string_view::npos) {
        return std::nullopt;
    }
    return IpAddress::parse(text.substr(kFrom.size(), end - kFrom.size()));
}

/// Waits until `fd` has `events`. \return false when `until` came first.
bool wait_for(int fd, short events, Clock::time_point until) {
    const auto left = std::chrono::ceil<Millis>(until - Clock::now());
    pollfd waiting{fd, events, 0};
    return left.count() > 0 && poll(&waiting, 1, static_cast<int>(left.count())) == 1;
}

int pending_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

/// connect(2), also for datagrams: the kernel then reports refusals on this socket.
int connect_until(int fd, const ReachTarget& target, Clock::time_point until) {
    const std::uint16_t port = target.service == Service::ping ? std::uint16_t{0} : target.port;
    const SocketAddress to(target.to, port);
    if (connect(fd, to.get(), to.size) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return errno;
    }
    return wait_for(fd, POLLOUT, until) ? pending_error(fd) : ETIMEDOUT;
}

/// One request and the wait for its answer.
Reach ask(const ReachTarget& target, Clock::time_point until) {
    Reach result;
    const Fd fd(socket(domain_of(target.to),
                       socket_type(target.service) | SOCK_CLOEXEC | SOCK_NONBLOCK,
                       socket_protocol(target)));
    if (!fd || (!target.device.empty() && !bind_to_device(fd.get(), target.device))) {
        result.local_errno = errno;
        return result;
    }
    result.local_errno = connect_until(fd.get(), target, until);
    if (result.local_errno != 0) {
        return result;
    }
    const std::string tag = tag_text(next_tag());
    const std::string request = request_for(target, tag);
    if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
        result.local_errno = errno;
        return result;
    }
    result.local_errno = ETIMEDOUT;
    while (wait_for(fd.get(), POLLIN, until)) {
        std::array<char, 2048> answer{};
        const auto got = recv(fd.get(), answer.data(), answer.size(), 0);
        if (got <= 0) {
            result.local_errno = got < 0 ? errno : ECONNRESET;
            return result;
        }
        const std::string_view text(answer.data(), static_cast<std::size_t>(got));
        if (is_answer(target, text, tag)) {
            return {true, seen_address(text), 0};
        }
    }
    return result;
}

}  // namespace

Reach reach(const Node& from, const ReachTarget& target, Millis limit) {
    const auto until = Clock::now() + limit;
    for (;;) {
        const auto try_until = std::min(until, Clock::now() + kPerTry);
        Reach result = from.inside([&] { return ask(target, try_until); });
        if (result.answered || Clock::now() >= until) {
            return result;
        }
        // A refusal comes at once; asking again the next instant would only burn the CPU.
        poll(nullptr, 0,
             std::max(0, static_cast<int>(
                             std::chrono::floor<Millis>(std::min(try_until, until) - Clock::now())
                                 .count())));
    }
}

}  // namespace ks::lab
