// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel_judge.hpp"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

namespace ks::test {

namespace {

std::string cgroup2_mount() {
    std::ifstream mounts("/proc/self/mounts");
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream words(line);
        std::string device, where, type;
        words >> device >> where >> type;
        if (type == "cgroup2") {
            return where;
        }
    }
    return {};
}

/// Path of this process below the cgroup2 root.
std::string own_cgroup() {
    std::ifstream lines("/proc/self/cgroup");
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("0::/")) {
            return line.substr(4);
        }
    }
    return {};
}

}  // namespace

Cgroups::Cgroups() : root_(cgroup2_mount()), home_(own_cgroup()) {
    const std::string outer = fmt::format("ks-oracle-{}", ::getpid());
    for (const std::string& path : {outer, outer + "/inner"}) {
        const std::string directory = fmt::format("{}/{}", root_, path);
        struct stat found {};
        if (root_.empty() || ::mkdir(directory.c_str(), 0755) != 0 ||
            ::stat(directory.c_str(), &found) != 0) {
            return;
        }
        ids_[path] = found.st_ino;
    }
}

Cgroups::~Cgroups() {
    for (auto path = ids_.rbegin(); path != ids_.rend(); ++path) {
        ::rmdir(fmt::format("{}/{}", root_, path->first).c_str());
    }
}

std::vector<std::uint64_t> Cgroups::levels(const std::string& path) const {
    const std::string whole = path.empty() ? home_ : path;
    std::vector<std::uint64_t> found;
    for (std::size_t end = whole.find('/'); !whole.empty(); end = whole.find('/', end + 1)) {
        struct stat directory {};
        ::stat(fmt::format("{}/{}", root_, whole.substr(0, end)).c_str(), &directory);
        found.push_back(directory.st_ino);
        if (end == std::string::npos) {
            break;
        }
    }
    return found;
}

void Cgroups::enter(const std::string& path) const {
    std::ofstream(fmt::format("{}/{}/cgroup.procs", root_, path.empty() ? home_ : path))
        << ::getpid();
}

}  // namespace ks::test
