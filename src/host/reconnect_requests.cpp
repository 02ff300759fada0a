// SPDX-License-Identifier: GPL-2.0-or-later
#include "reconnect_requests.hpp"

#include "killswitchd/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::size_t kMaxBytes = 65536;

std::string path_of(const Paths& paths) {
    return paths.runtime_dir + "/reconnect";
}

/// None where there is no file.
Result<std::vector<std::string>> read_requests(const Paths& paths) {
    const auto text = read_trusted_file(path_of(paths), kMaxBytes);
    if (!text && text.error().sys_errno != ENOENT) {
        return text.error();
    }
    std::vector<std::string> units;
    std::istringstream lines(text ? *text : "");
    for (std::string line; std::getline(lines, line);) {
        units.push_back(line);
    }
    return units;
}

}  // namespace

Status request_restart(const Paths& paths, const std::string& unit) {
    std::string text = unit + "\n";
    if (const auto before = read_requests(paths)) {  // What cannot be read is replaced.
        for (const std::string& other : *before) {
            text += other == unit ? "" : other + "\n";
        }
    }
    return write_file_atomically(path_of(paths), text);
}

Result<std::vector<std::string>> take_requests(const Paths& paths, const Policy& policy) {
    auto requested = read_requests(paths);
    // Order: first, so that one that comes meanwhile starts the unit again.
    if (auto removed = remove_file(path_of(paths)); !removed) {
        return std::move(removed).error();
    }
    if (!requested) {
        return std::move(requested).error();
    }
    std::vector<std::string> units;
    for (const Tunnel& tunnel : policy.tunnels) {
        const bool wanted = tunnel.reconnect &&
                            std::ranges::count(*requested, tunnel.reconnect->unit) > 0 &&
                            std::ranges::count(units, tunnel.reconnect->unit) == 0;
        if (wanted) {
            units.push_back(tunnel.reconnect->unit);
        }
    }
    return units;
}

}  // namespace ks
