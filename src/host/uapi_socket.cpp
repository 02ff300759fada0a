// SPDX-License-Identifier: GPL-2.0-or-later
#include "uapi_socket.hpp"

#include "killswitchd/files.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/uapi.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace ks {

namespace {

using Clock = std::chrono::steady_clock;

/// It holds the private key.
class Secret {
  public:
    Secret() = default;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { explicit_bzero(text_.data(), text_.size()); }

    /// What it grows out of is wiped too.
    void append(const char* bytes, std::size_t count) {
        if (text_.capacity() < text_.size() + count) {
            std::string larger;
            larger.reserve(2 * (text_.size() + count));
            larger = text_;
            explicit_bzero(text_.data(), text_.size());
            text_.swap(larger);
        }
        text_.append(bytes, count);
    }
    [[nodiscard]] std::string_view text() const noexcept { return text_; }

  private:
    std::string text_;
};

bool is_trusted(uid_t uid) {
    return uid == 0 || uid == ::geteuid();
}

/// Whether `fd` becomes ready in time.
bool wait_for(int fd, short events, Clock::time_point deadline) {
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd wanted{fd, events, 0};
        const int ready = ::poll(&wanted, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
        if (ready >= 0 || errno != EINTR) {
            return ready > 0;
        }
    }
}

/// Connected to a listener that may be believed.
Result<Fd> connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return Error{"its path is too long", ENAMETOOLONG};
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) {
        return Error{"cannot create a socket", errno};
    }
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return Error{"cannot connect", errno};
    }
    ucred listener{};
    socklen_t size = sizeof listener;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &listener, &size) != 0) {
        return Error{"cannot tell who listens", errno};
    }
    if (!is_trusted(listener.uid)) {
        return Error{fmt::format("user {} listens there, who is not root", listener.uid)};
    }
    return fd;
}

Status converse(int fd, Secret& answer) {
    const auto deadline = Clock::now() + kUapiPatience;
    if (::send(fd, kUapiQuestion.data(), kUapiQuestion.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(kUapiQuestion.size())) {
        return Error{"cannot ask", errno};
    }
    std::array<char, 16UL * 1024> chunk{};
    while (!is_whole_uapi_answer(answer.text())) {
        if (!wait_for(fd, POLLIN, deadline)) {
            return Error{"it does not answer", ETIMEDOUT};
        }
        const ssize_t got = ::recv(fd, chunk.data(), chunk.size(), 0);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (got <= 0) {
            return Error{"the answer is cut off", got < 0 ? errno : 0};
        }
        answer.append(chunk.data(), static_cast<std::size_t>(got));
        explicit_bzero(chunk.data(), chunk.size());
        if (answer.text().size() > kMaxUapiBytes) {
            return Error{"the answer is too long", EMSGSIZE};
        }
    }
    return Done{};
}

}  // namespace

Result<std::optional<VpnDevice>> ask_uapi(const std::string& interface,
                                          const std::string& directory) {
    const std::string path = fmt::format("{}/{}.sock", directory, interface);
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return std::optional<VpnDevice>();
    }
    const std::string intent = fmt::format("asking the program behind '{}'", path);
    if (auto trusted = open_trusted_directory(directory, StickyBit::does_not_suffice); !trusted) {
        return std::move(trusted).error().within(intent);
    }
    // Order: only now nobody can put something else there.
    if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode) || !is_trusted(info.st_uid)) {
        return Error{"it is no socket of root"}.within(intent);
    }
    auto fd = connect_to(path);
    if (!fd && fd.error().sys_errno == ECONNREFUSED) {
        return std::optional<VpnDevice>();  // What a program that was killed leaves behind.
    }
    if (!fd) {
        return std::move(fd).error().within(intent);
    }
    Secret answer;
    if (auto done = converse(fd->get(), answer); !done) {
        return std::move(done).error().within(intent);
    }
    auto device = parse_uapi(answer.text());
    if (!device) {
        return std::move(device).error().within(intent);
    }
    return std::optional(*std::move(device));
}

}  // namespace ks
