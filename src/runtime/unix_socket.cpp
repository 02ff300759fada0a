// SPDX-License-Identifier: GPL-2.0-or-later
#include "unix_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

namespace ks {

namespace {

constexpr int kBacklog = 64;

/// Whether a server accepts at `address`. \return an error when that cannot be told.
Result<bool> is_live(const UnixAddress& address) {
    const Fd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe) {
        return Error{"cannot create a socket", errno};
    }
    if (connect(probe.get(), address.get(), address.length) == 0 || errno == EAGAIN) {
        return true;  // EAGAIN: its backlog is full, so it has one.
    }
    if (errno == ECONNREFUSED || errno == ENOENT) {
        return false;
    }
    return Error{"cannot tell whether a server is there", errno};
}

/// A file that somebody left at our path must not keep the service from being asked.
Status remove_stray(const std::string& path, mode_t mode) {
    const int removed = S_ISDIR(mode) ? rmdir(path.c_str()) : unlink(path.c_str());
    return removed == 0 ? Status(Done{})
                        : Status(Error{"something that is not a socket is in the way", errno});
}

Status remove_dead_socket(const std::string& path, const UnixAddress& address) {
    struct stat found {};
    if (lstat(path.c_str(), &found) != 0) {
        return errno == ENOENT ? Status(Done{}) : Status(Error{"cannot examine it", errno});
    }
    if (!S_ISSOCK(found.st_mode)) {
        return remove_stray(path, found.st_mode);
    }
    const auto live = is_live(address);
    if (!live) {
        return live.error();
    }
    if (*live) {
        return Error{"another instance is running there, stop it first", EADDRINUSE};
    }
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
        return Error{"cannot remove the socket of an instance that died", errno};
    }
    return Done{};
}

Status bind_at(int fd, const std::string& path, const UnixAddress& address) {
    if (bind(fd, address.get(), address.length) == 0) {
        return Done{};
    }
    if (errno != EADDRINUSE) {
        return Error{"cannot bind", errno};
    }
    if (auto removed = remove_dead_socket(path, address); !removed) {
        return removed;
    }
    if (bind(fd, address.get(), address.length) != 0) {
        return Error{"cannot bind", errno};
    }
    return Done{};
}

Result<std::vector<std::uint32_t>> supplementary_groups(int fd) {
    std::vector<gid_t> groups(64);
    for (;;) {
        auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
            groups.resize(size / sizeof(gid_t));
            return std::vector<std::uint32_t>(groups.begin(), groups.end());
        }
        const std::size_t needed = size / sizeof(gid_t);
        if (errno != ERANGE || needed <= groups.size()) {
            return Error{"cannot read the groups of a peer", errno};
        }
        groups.resize(needed);
    }
}

}  // namespace

Result<UnixAddress> UnixAddress::of(const std::string& name) {
    UnixAddress address;
    if (name.size() < 2 || name.find('\0') != std::string::npos) {
        return Error{fmt::format("'{}' is no socket address", name.c_str()), EINVAL};
    }
    if (name.size() >= sizeof address.raw.sun_path) {
        return Error{fmt::format("socket address '{}' has {} bytes, use at most {}", name,
                                 name.size(), sizeof address.raw.sun_path - 1),
                     ENAMETOOLONG};
    }
    address.raw.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.raw.sun_path);
    const bool is_abstract = name.front() == '@';
    if (is_abstract) {
        address.raw.sun_path[0] = '\0';
    }
    // An abstract name ends with its length, a path with its zero byte.
    address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() +
                                            (is_abstract ? 0 : 1));
    return address;
}

const sockaddr* UnixAddress::get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&raw);
}

Result<Fd> listen_at(const std::string& path) {
    const std::string intent = fmt::format("control socket '{}'", path);
    const auto address = UnixAddress::of(path);
    if (!address) {
        return Error(address.error()).within(intent);
    }
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        return Error{"cannot create a socket", errno}.within(intent);
    }
    if (auto bound = bind_at(fd.get(), path, *address); !bound) {
        return std::move(bound).error().within(intent);
    }
    // Order: before listen(), so that nobody meets the mode that the umask left.
    if (chmod(path.c_str(), 0666) != 0) {
        return Error{"cannot set its mode", errno}.within(intent);
    }
    if (listen(fd.get(), kBacklog) != 0) {
        return Error{"cannot listen", errno}.within(intent);
    }
    return fd;
}

Result<Peer> peer_of(int connected_fd) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(connected_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return Error{"cannot read the credentials of a peer", errno};
    }
    auto groups = supplementary_groups(connected_fd);
    if (!groups) {
        return std::move(groups).error();
    }
    groups->insert(groups->begin(), credentials.gid);
    return Peer{credentials.uid, *std::move(groups), credentials.pid};
}

bool is_disconnect(int sys_errno) noexcept {
    return sys_errno == EPIPE || sys_errno == ECONNRESET;
}

}  // namespace ks
