// SPDX-License-Identifier: GPL-2.0-or-later
#include "processes.hpp"

#include "killswitchd/handle.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string_view>

#include <fmt/format.h>

#include <dirent.h>
#include <unistd.h>

namespace ks {

namespace {

using Directory = CHandle<DIR, ::closedir>;

constexpr std::chrono::milliseconds kRest{200};

/// Every name in a directory that is a number.
void for_each_number(const std::string& path, const std::function<void(int)>& each) {
    const Directory directory{::opendir(path.c_str())};
    if (!directory) {
        return;
    }
    while (const dirent* const entry = ::readdir(directory.get())) {
        const std::string_view name = entry->d_name;
        int number = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (error == std::errc{} && end == name.data() + name.size()) {
            each(number);
        }
    }
}

/// Of a descriptor that is a socket: "socket:[12345]". Source: proc(5).
std::optional<std::uint64_t> socket_behind(int pid, int fd) {
    constexpr std::string_view kBefore = "socket:[";
    std::array<char, 64> target{};
    const std::string path = fmt::format("/proc/{}/fd/{}", pid, fd);
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
    const std::string_view text(target.data(), static_cast<std::size_t>(length < 0 ? 0 : length));
    if (!text.starts_with(kBefore)) {
        return std::nullopt;
    }
    std::uint64_t inode = 0;
    const char* const first = text.data() + kBefore.size();
    const auto [end, error] = std::from_chars(first, text.data() + text.size(), inode);
    return error == std::errc{} ? std::optional(inode) : std::nullopt;
}

}  // namespace

std::optional<Process> SocketHolders::holder_of(std::uint64_t inode) {
    const auto now = std::chrono::steady_clock::now();
    if (!known_.contains(inode) && (!looked_ || now - *looked_ >= kRest)) {
        look();
        looked_ = now;
    }
    const auto found = known_.find(inode);
    return found == known_.end() ? std::nullopt : std::optional(found->second);
}

void SocketHolders::look() {
    known_.clear();
    for_each_number("/proc", [&](int pid) {
        std::optional<Process> process;
        for_each_number(fmt::format("/proc/{}/fd", pid), [&](int fd) {
            const auto inode = socket_behind(pid, fd);
            if (!inode) {
                return;
            }
            if (!process) {
                process = Process{pid, name_of_process(pid)};
            }
            known_.emplace(*inode, *process);
        });
    });
}

std::set<std::uint64_t> sockets_of(int pid) {
    std::set<std::uint64_t> inodes;
    for_each_number(fmt::format("/proc/{}/fd", pid), [&](int fd) {
        if (const auto inode = socket_behind(pid, fd)) {
            inodes.insert(*inode);
        }
    });
    return inodes;
}

std::optional<int> parent_of(int pid) {
    std::ifstream file(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(file, line);) {
        constexpr std::string_view kKey = "PPid:";
        if (line.starts_with(kKey)) {
            const int parent = std::atoi(line.c_str() + kKey.size());
            return parent > 0 ? std::optional(parent) : std::nullopt;
        }
    }
    return std::nullopt;
}

std::string name_of_process(int pid) {
    std::ifstream file(fmt::format("/proc/{}/comm", pid));
    std::string name;
    std::getline(file, name);
    return name;
}

}  // namespace ks
