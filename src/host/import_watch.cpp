// SPDX-License-Identifier: GPL-2.0-or-later
#include "import_watch.hpp"

#include "killswitchd/files.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
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

bool usable(const VpnFile& file) {
    return !file.broken() && !(file.servers.empty() && file.names.empty());
}

}  // namespace

ImportWatch ImportWatch::open(const Policy& policy, const ImportWatch* before) {
    ImportWatch watch;
    for (const Tunnel& tunnel : policy.tunnels) {
        for (const std::string& path : tunnel.imports) {
            watch.seen_[path];
        }
    }
    if (!watch.seen_.empty()) {
        watch.inotify_ = Fd{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
        if (!watch.inotify_) {
            watch.problem_ = Error{"cannot watch files", errno};
        }
    }
    for (auto& [path, file] : watch.seen_) {
        watch.watch(path);  // Order: before it is read, or a change in between would be missed.
        file = read_vpn_file(path);
        const bool known = before != nullptr && before->files_.contains(path);
        watch.files_[path] = !usable(file) && known ? before->files_.at(path) : file;
    }
    return watch;
}

std::vector<ImportWatch::News> ImportWatch::drain() {
    alignas(inotify_event) std::array<char, 4096> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
    std::vector<News> all;
    for (auto& [path, seen] : seen_) {
        watch(path);
        VpnFile now = read_vpn_file(path);
        if (now == seen) {
            continue;
        }
        VpnFile& known = files_[path];
        News news{path, {}, now.findings, 0};
        if (usable(now) || !usable(known)) {
            news.change = change_between(known, now);
            known = now;
        } else {
            news.kept = known.servers.size() + known.names.size();
        }
        seen = std::move(now);
        all.push_back(std::move(news));
    }
    return all;
}

void ImportWatch::watch(const std::string& path) {
    if (!inotify_) {
        return;
    }
    watch_directory(directory_of(path));
    if (const auto real = resolved(path)) {
        watch_directory(directory_of(*real));
    }
}

/// The directory, or the nearest one above that exists: there the next one appears.
void ImportWatch::watch_directory(const std::string& path) {
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

bool ImportWatch::add(const std::string& directory) const {
    return ::inotify_add_watch(inotify_.get(), directory.c_str(), kEvents) >= 0;
}

}  // namespace ks
