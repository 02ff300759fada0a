// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/files.hpp"

#include "killswitchd/handle.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ks {

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

namespace {

Status sync_directory_of(const std::string& path) {
    const std::string directory = directory_of(path);
    const Fd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd || ::fsync(fd.get()) != 0) {
        return Error{fmt::format("cannot sync directory '{}'", directory), errno};
    }
    return Done{};
}

/// `path` as a word of a shell command that people may copy.
std::string shell_word(const std::string& path) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789%+,-./:=@_";
    if (path.find_first_not_of(kPlain) == std::string::npos) {
        return path;
    }
    std::string word;
    for (const char c : path) {
        word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return fmt::format("'{}'", word);
}

/// Whether nobody but root and the effective user can change what was opened as `path`.
Status check_trust(const std::string& path, const struct stat& info) {
    if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
        return Error{fmt::format("'{}' belongs to user {}, not to root; run: chown root {}", path,
                                 info.st_uid, shell_word(path))};
    }
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return Error{fmt::format("'{}' may be written by group or others; run: chmod go-w {}", path,
                                 shell_word(path))};
    }
    return Done{};
}

}  // namespace

Result<std::string> read_at_most(int fd, const std::string& path, std::size_t max_bytes) {
    std::string text;
    std::array<char, 65536> chunk{};
    for (;;) {
        const ssize_t got = ::read(fd, chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return Error{fmt::format("cannot read '{}'", path), errno};
        }
        if (got == 0) {
            return text;
        }
        text.append(chunk.data(), static_cast<std::size_t>(got));
        if (text.size() > max_bytes) {
            return Error{fmt::format("'{}' is larger than {} KiB", path, max_bytes / 1024), EFBIG};
        }
    }
}

Status write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno != EINTR) {
            return Error{"cannot write", errno};
        }
        text.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
    }
    return Done{};
}

Result<std::string> read_trusted_file(const std::string& path, std::size_t max_bytes) {
    // O_NONBLOCK: a FIFO in the file's place must not hang us before the check below.
    const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    if (!fd) {
        return Error{fmt::format("cannot open '{}'", path), errno};
    }
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) {
        return Error{fmt::format("cannot examine '{}'", path), errno};
    }
    if (!S_ISREG(info.st_mode)) {
        return Error{fmt::format("'{}' is not a regular file", path), EINVAL};
    }
    if (auto trusted = check_trust(path, info); !trusted) {
        return std::move(trusted).error();
    }
    return read_at_most(fd.get(), path, max_bytes);
}

Result<Fd> open_trusted_directory(const std::string& path, StickyBit sticky) {
    Fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd) {
        return Error{fmt::format("cannot open directory '{}'", path), errno};
    }
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) {
        return Error{fmt::format("cannot examine '{}'", path), errno};
    }
    if (sticky == StickyBit::suffices && (info.st_mode & S_ISVTX) != 0) {
        info.st_mode &= ~static_cast<mode_t>(S_IWGRP | S_IWOTH);
    }
    if (auto trusted = check_trust(path, info); !trusted) {
        return std::move(trusted).error();
    }
    return fd;
}

Status write_file_atomically(const std::string& path, std::string_view text, Readers readers) {
    const std::string temporary = path + ".new";
    const Fd fd{
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!fd) {
        return Error{fmt::format("cannot create '{}'", temporary), errno};
    }
    constexpr mode_t kForAll = 0644;
    if (readers == Readers::all && ::fchmod(fd.get(), kForAll) != 0) {
        return Error{fmt::format("cannot let everybody read '{}'", temporary), errno};
    }
    if (auto written = write_all(fd.get(), text); !written) {
        return std::move(written).error().within(temporary);
    }
    if (::fsync(fd.get()) != 0) {
        return Error{fmt::format("cannot sync '{}'", temporary), errno};
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        return Error{fmt::format("cannot replace '{}'", path), errno};
    }
    return sync_directory_of(path);
}

Status remove_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0) {
        if (errno == ENOENT) {
            return Done{};
        }
        return Error{fmt::format("cannot remove '{}'", path), errno};
    }
    return sync_directory_of(path);
}

Status ensure_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
        return Error{fmt::format("cannot create directory '{}'", path), errno};
    }
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
        return Error{fmt::format("cannot examine '{}'", path), errno};
    }
    if (!S_ISDIR(info.st_mode)) {
        return Error{fmt::format("'{}' is not a directory", path), ENOTDIR};
    }
    return Done{};
}

std::string cgroup_root() {
    // The unified hierarchy alone, or beside the old ones ("hybrid").
    for (const char* const root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
        struct stat info {};
        if (::stat(fmt::format("{}/cgroup.controllers", root).c_str(), &info) == 0) {
            return root;
        }
    }
    return {};
}

Result<std::uint64_t> cgroup_id(const std::string& path) {
    const std::string root = cgroup_root();
    if (root.empty()) {
        return Error{"cgroup v2 is not mounted", ENOENT};
    }
    struct stat info {};
    const std::string directory = fmt::format("{}/{}", root, path);
    if (::stat(directory.c_str(), &info) != 0) {
        return Error{fmt::format("cannot find cgroup '{}'", directory), errno};
    }
    return static_cast<std::uint64_t>(info.st_ino);
}

}  // namespace ks
