// SPDX-License-Identifier: GPL-2.0-or-later
#include "owner_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <linux/netlink.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ks {

namespace {

namespace fs = std::filesystem;

/// The inode of the socket, from the kernel's list of netlink sockets.
std::optional<std::string> inode_of(std::uint32_t port) {
    std::ifstream list("/proc/net/netlink");
    std::string line;
    std::getline(list, line);  // The heading.
    while (std::getline(list, line)) {
        std::istringstream fields(line);
        std::string address, groups, rmem, wmem, dump, locks, drops, inode;
        int protocol = -1;
        std::uint32_t found = 0;
        fields >> address >> protocol >> found >> groups >> rmem >> wmem >> dump >> locks >>
            drops >> inode;
        if (fields && protocol == NETLINK_NETFILTER && found == port) {
            return inode;
        }
    }
    return std::nullopt;
}

std::optional<int> number_in(const fs::path& path) {
    const std::string text = path.filename();
    int number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    return ec == std::errc{} && end == text.data() + text.size() ? std::optional(number)
                                                                 : std::nullopt;
}

/// The descriptor in the process `process` that is the socket.
std::optional<int> descriptor_in(int process, const std::string& inode) {
    const std::string wanted = fmt::format("socket:[{}]", inode);
    std::error_code gone;  // Processes and descriptors come and go while they are listed.
    for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", process), gone)) {
        std::error_code error;
        if (fs::read_symlink(entry.path(), error) == wanted) {
            return number_in(entry.path());
        }
    }
    return std::nullopt;
}

std::vector<int> processes() {
    std::vector<int> all;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/proc", error)) {
        if (const auto number = number_in(entry.path())) {
            all.push_back(*number);
        }
    }
    std::ranges::sort(all);  // The service manager, which is the likely holder, first.
    return all;
}

}  // namespace

Result<Fd> borrow_owner_socket(std::uint32_t port) {
    const auto inode = inode_of(port);
    if (!inode) {
        return Error{"the socket that owns the rules is not of this network namespace", ENOENT};
    }
    for (const int process : processes()) {
        const auto descriptor = descriptor_in(process, *inode);
        if (!descriptor) {
            continue;
        }
        const Fd target{static_cast<int>(::syscall(SYS_pidfd_open, process, 0))};
        Fd borrowed{target
                        ? static_cast<int>(::syscall(SYS_pidfd_getfd, target.get(), *descriptor, 0))
                        : -1};
        if (borrowed) {
            return borrowed;
        }
        return Error{
            fmt::format("cannot borrow the socket that owns the rules from process {}", process),
            errno};
    }
    return Error{"no process that can be seen holds the socket that owns the rules", ENOENT};
}

}  // namespace ks
