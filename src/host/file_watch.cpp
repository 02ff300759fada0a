// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_watch.hpp"

#include "killswitchd/files.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sys/inotify.h>
#include <unistd.h>

namespace ks {

namespace {

/// When a file is whole again, comes, goes, or gets another owner or mode. Not each write.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                                  IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                  IN_ONLYDIR;

/// Where links lead; absent when there is nothing.
std::optional<std::string> resolved(const std::string& path) {
    const std::unique_ptr<char, decltype(&std::free)> real{::realpath(path.c_str(), nullptr),
                                                           &std::free};
    return real ? std::optional<std::string>(real.get()) : std::nullopt;
}

}  // namespace

FileWatch FileWatch::open(std::vector<std::string> paths) {
    FileWatch watch;
    watch.paths_ = std::move(paths);
    if (watch.paths_.empty()) {
        return watch;
    }
    watch.inotify_ = Fd{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (!watch.inotify_) {
        watch.problem_ = Error{"cannot watch files", errno};
        return watch;
    }
    watch.watch();
    return watch;
}

void FileWatch::drain() {
    alignas(inotify_event) std::array<char, 4096> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
    watch();
}

void FileWatch::watch() {
    for (const std::string& path : paths_) {
        watch_directory(directory_of(path));
        if (const auto real = resolved(path)) {
            watch_directory(directory_of(*real));
        }
    }
}

/// The directory, or the nearest one above that exists: there the next one appears.
void FileWatch::watch_directory(const std::string& path) {
    std::vector<std::string> missing;
    std::string directory = path;
    while (!add(directory)) {
        if ((errno != ENOENT && errno != ENOTDIR) || directory == "/") {
            problem_ = Error{fmt::format("cannot watch directory '{}'", directory), errno};
            return;
        }
        missing.push_back(directory);
        directory = directory_of(directory);
    }
    // Order: once more from above, or one that appeared meanwhile would not be watched.
    while (!missing.empty() && add(missing.back())) {
        missing.pop_back();
    }
}

bool FileWatch::add(const std::string& directory) const {
    return ::inotify_add_watch(inotify_.get(), directory.c_str(), kEvents) >= 0;
}

}  // namespace ks
