// SPDX-License-Identifier: GPL-2.0-or-later
#include "import_watch.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace ks {

namespace {

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
    std::vector<std::string> paths;
    std::ranges::transform(watch.seen_, std::back_inserter(paths), &VpnFiles::value_type::first);
    // Order: before they are read, or a change in between would be missed.
    watch.changes_ = FileWatch::open(std::move(paths));
    for (auto& [path, file] : watch.seen_) {
        file = read_vpn_file(path);
        const bool known = before != nullptr && before->files_.contains(path);
        watch.files_[path] = !usable(file) && known ? before->files_.at(path) : file;
    }
    return watch;
}

std::vector<ImportWatch::News> ImportWatch::drain() {
    changes_.drain();
    std::vector<News> all;
    for (auto& [path, seen] : seen_) {
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

}  // namespace ks
