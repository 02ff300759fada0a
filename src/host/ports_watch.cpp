// SPDX-License-Identifier: GPL-2.0-or-later
#include "ports_watch.hpp"

#include "imports.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

PortsFile read_ports_file(const std::string& path) {
    const auto text = read_trusted(path, kMaxPortsFileBytes);
    if (text) {
        return parse_ports_file(path, *text);
    }
    PortsFile file;
    if (text.error().sys_errno != ENOENT) {
        Diagnostic unreadable;
        unreadable.file = path;
        unreadable.message = text.error().message();
        file.findings.push_back(std::move(unreadable));
    }
    return file;
}

/// What `a` has and `b` has not, after `verb`; few enough for a line of a log.
std::string missing(std::string_view verb, const PortsFile& a, const PortsFile& b) {
    constexpr std::size_t kMostNamed = 8;
    std::vector<PortSpec> only;
    std::ranges::set_difference(a.ports, b.ports, std::back_inserter(only));
    std::vector<std::string> names;
    for (const PortSpec& port : only) {
        if (names.size() == kMostNamed) {
            names.push_back(fmt::format("{} more", only.size() - kMostNamed));
            break;
        }
        names.push_back(port.str());
    }
    return names.empty() ? std::string() : fmt::format("{} {}", verb, fmt::join(names, ", "));
}

std::string change_between(const PortsFile& before, const PortsFile& after) {
    const std::string opened = missing("opened", after, before);
    const std::string closed = missing("closed", before, after);
    return fmt::format("{}{}{}", opened, opened.empty() || closed.empty() ? "" : "; ", closed);
}

}  // namespace

PortsFiles read_ports_files(const Policy& policy) {
    PortsFiles files;
    for (const Tunnel& tunnel : policy.tunnels) {
        if (!tunnel.inbound_file.empty() && !files.contains(tunnel.inbound_file)) {
            files.emplace(tunnel.inbound_file, read_ports_file(tunnel.inbound_file));
        }
    }
    return files;
}

OpenPorts ports_in(const PortsFiles& files, const Policy& policy) {
    OpenPorts open;
    for (const Tunnel& tunnel : policy.tunnels) {
        const auto file = files.find(tunnel.inbound_file);
        if (file != files.end() && !file->second.ports.empty()) {
            open[tunnel.name] = file->second.ports;
        }
    }
    return open;
}

std::vector<Diagnostic> findings_in(const PortsFiles& files) {
    std::vector<Diagnostic> all;
    for (const auto& [path, file] : files) {
        for (Diagnostic finding : file.findings) {
            finding.severity = Diagnostic::Severity::warning;
            all.push_back(std::move(finding));
        }
    }
    return all;
}

PortsWatch PortsWatch::open(const Policy& policy, const PortsWatch* before) {
    PortsWatch watch;
    std::vector<std::string> paths;
    for (const Tunnel& tunnel : policy.tunnels) {
        if (!tunnel.inbound_file.empty()) {
            paths.push_back(tunnel.inbound_file);
        }
    }
    // Order: before they are read, or a change in between would be missed.
    watch.changes_ = FileWatch::open(std::move(paths));
    watch.seen_ = read_ports_files(policy);
    watch.files_ = watch.seen_;
    for (auto& [path, file] : watch.files_) {
        if (file.broken() && before != nullptr && before->files_.contains(path)) {
            file = before->files_.at(path);
        }
    }
    return watch;
}

std::vector<PortsWatch::News> PortsWatch::drain() {
    changes_.drain();
    std::vector<News> all;
    for (auto& [path, seen] : seen_) {
        PortsFile now = read_ports_file(path);
        if (now == seen) {
            continue;
        }
        News news{path, {}, now.findings};
        if (PortsFile& known = files_[path]; !now.broken()) {
            news.change = change_between(known, now);
            known = now;
        }
        seen = std::move(now);
        all.push_back(std::move(news));
    }
    return all;
}

}  // namespace ks
