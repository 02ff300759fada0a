// SPDX-License-Identifier: GPL-2.0-or-later
#include "hosts_file.hpp"

#include "killswitchd/files.hpp"
#include "killswitchd/handle.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <climits>
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace ks {

namespace {

constexpr std::string_view kBegin = "# BEGIN killswitchd: names of VPN servers, kept current\n";
constexpr std::string_view kEnd = "# END killswitchd\n";

/// Where links lead; the path itself when there is nothing.
std::string real_path(const std::string& path) {
    const std::unique_ptr<char, decltype(&std::free)> real{::realpath(path.c_str(), nullptr),
                                                           &std::free};
    return real ? real.get() : path;
}

/// What SELinux calls the file; without it the new one would have another label than its readers
/// may read.
void copy_label(int from, int to) {
    std::array<char, 256> label{};
    const ssize_t size = ::fgetxattr(from, "security.selinux", label.data(), label.size());
    if (size > 0) {
        static_cast<void>(
            ::fsetxattr(to, "security.selinux", label.data(), static_cast<std::size_t>(size), 0));
    }
}

Status replace(const std::string& path, int old, const struct stat& info, std::string_view text) {
    const std::string fresh = path + ".killswitchd";
    static_cast<void>(::unlink(fresh.c_str()));
    const Fd fd{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!fd) {
        return Error{fmt::format("cannot create '{}'", fresh), errno};
    }
    copy_label(old, fd.get());
    const bool ours = (info.st_uid == ::geteuid() && info.st_gid == ::getegid()) ||
                      ::fchown(fd.get(), info.st_uid, info.st_gid) == 0;
    if (!ours || ::fchmod(fd.get(), info.st_mode & 07777) != 0) {
        const int why = errno;
        ::unlink(fresh.c_str());
        return Error{fmt::format("cannot give '{}' its owner and mode", fresh), why};
    }
    Status written = write_all(fd.get(), text);
    if (written && ::fsync(fd.get()) != 0) {
        written = Error{"cannot sync", errno};
    }
    if (written && ::rename(fresh.c_str(), path.c_str()) != 0) {
        written = Error{fmt::format("cannot replace '{}'", path), errno};
    }
    if (!written) {
        ::unlink(fresh.c_str());
        return std::move(written).error().within(fresh);
    }
    return Done{};
}

}  // namespace

std::string hosts_lines(const NameBook& book) {
    std::string lines;
    for (const auto& [host, name] : book) {
        for (const KnownAddress& known : name.addresses) {
            if (known.seen == name.addresses.front().seen) {
                lines += fmt::format("{} {}\n", known.address.str(), host);
            }
        }
    }
    return lines;
}

std::string with_hosts_block(std::string_view text, std::string_view lines) {
    std::string kept(text);
    for (auto begin = kept.find(kBegin); begin != std::string::npos; begin = kept.find(kBegin)) {
        const auto end = kept.find(kEnd, begin);
        // A block without its end may hold lines of others.
        kept.erase(begin, end == std::string::npos ? kBegin.size() : end + kEnd.size() - begin);
    }
    if (lines.empty()) {
        return kept;
    }
    if (!kept.empty() && kept.back() != '\n') {
        kept += '\n';
    }
    return fmt::format("{}{}{}{}", kept, kBegin, lines, kEnd);
}

Status publish_hosts(const std::string& path, std::string_view lines) {
    const std::string real = real_path(path);
    const Fd old{::open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    struct stat info {};
    if (!old || ::fstat(old.get(), &info) != 0) {
        return lines.empty() && errno == ENOENT
                   ? Status(Done{})
                   : Error{fmt::format("cannot open '{}'", path), errno};
    }
    if (!S_ISREG(info.st_mode)) {
        return Error{fmt::format("'{}' is not a regular file", path), EINVAL};
    }
    const auto text = read_at_most(old.get(), path, kMaxHostsBytes);
    if (!text) {
        return text.error();
    }
    const std::string wanted = with_hosts_block(*text, lines);
    return wanted == *text ? Status(Done{}) : replace(real, old.get(), info, wanted);
}

}  // namespace ks
