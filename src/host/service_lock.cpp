// SPDX-License-Identifier: GPL-2.0-or-later
#include "service_lock.hpp"

#include <cerrno>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>

namespace ks {

namespace {

std::string path_in(const std::string& runtime_dir) {
    return runtime_dir + "/service.lock";
}

}  // namespace

Result<std::optional<ServiceLock>> ServiceLock::take(const std::string& runtime_dir) {
    const std::string path = path_in(runtime_dir);
    // Mode: whoever can open it can lock it, and would keep the service from starting.
    Fd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!fd) {
        return Error{fmt::format("cannot open '{}'", path), errno};
    }
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
        return std::optional(ServiceLock(std::move(fd)));
    }
    if (errno == EWOULDBLOCK) {
        return std::optional<ServiceLock>();
    }
    return Error{fmt::format("cannot lock '{}'", path), errno};
}

bool ServiceLock::is_taken(const std::string& runtime_dir) {
    const Fd fd{::open(path_in(runtime_dir).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace ks
