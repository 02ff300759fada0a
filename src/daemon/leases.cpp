// SPDX-License-Identifier: GPL-2.0-or-later
#include "leases.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::size_t kMostShown = 128;  // Of a cgroup's path.

/// "pid 812 (openvpn-client@home.service)".
std::string name_of(const Peer& peer) {
    std::ifstream file(fmt::format("/proc/{}/cgroup", peer.pid));
    std::ostringstream text;
    text << file.rdbuf();
    const std::string unit = unit_in(text.str());
    return unit.empty() ? fmt::format("pid {}", peer.pid)
                        : fmt::format("pid {} ({})", peer.pid, unit);
}

}  // namespace

std::string unit_in(const std::string& cgroup_file) {
    std::istringstream lines(cgroup_file);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("0::")) {
            continue;
        }
        // The innermost one: a program of a user runs below user@1000.service.
        for (std::size_t end = line.size(); end != std::string::npos && end > 0;) {
            const std::size_t slash = line.rfind('/', end - 1);
            if (slash == std::string::npos) {
                break;
            }
            const std::string name = line.substr(slash + 1, end - slash - 1);
            if (name.ends_with(".service") || name.ends_with(".scope")) {
                return name.substr(0, kMostShown);
            }
            end = slash;
        }
    }
    return {};
}

Status Leases::add(Holder holder, const Peer& peer, const LeaseWish& wish) {
    std::size_t of_user = 0;
    std::size_t endpoints = wish.endpoints.size();
    for (const auto& [other, lease] : leases_) {
        of_user += lease.uid == peer.uid ? 1 : 0;
        endpoints += lease.endpoints.size();
    }
    if (peer.uid != 0 && of_user >= kMaxOfUser) {
        return Error{fmt::format("user {} holds {} leases already", peer.uid, of_user)};
    }
    if (endpoints > kMaxEndpoints) {
        return Error{fmt::format("no more than {} endpoints can be leased", kMaxEndpoints)};
    }
    Lease lease{peer.uid, {}};
    const std::string origin = name_of(peer);
    const auto now = std::chrono::system_clock::now();
    for (const Endpoint& endpoint : wish.endpoints) {
        lease.endpoints.push_back({endpoint, EndpointSource::lease, now, origin, wish.only});
    }
    leases_[holder] = std::move(lease);
    return Done{};
}

std::string Leases::described(Holder holder) const {
    std::vector<std::string> names;
    const Lease& lease = leases_.at(holder);
    for (const KnownEndpoint& one : lease.endpoints) {
        names.push_back(one.endpoint.str());
    }
    const KnownEndpoint& first = lease.endpoints.front();
    const std::string only = lease_text(first.only.value_or(Only{}));
    return fmt::format("{} may be reached for {}, asked by uid {}{}{}", fmt::join(names, ", "),
                       first.origin, lease.uid, only.empty() ? "" : ", only ", only);
}

std::string Leases::end(Holder holder) {
    const auto found = leases_.find(holder);
    if (found == leases_.end()) {
        return {};
    }
    std::string text = fmt::format("the lease of {} ended", found->second.endpoints.front().origin);
    leases_.erase(found);
    return text;
}

KnownEndpoints Leases::known() const {
    KnownEndpoints known;
    for (const auto& [holder, lease] : leases_) {
        std::ranges::copy(lease.endpoints, std::back_inserter(known[kLeases]));
    }
    return known;
}

std::vector<std::string> Leases::cgroups() const {
    std::vector<std::string> paths;
    for (const auto& [holder, lease] : leases_) {
        const auto& only = lease.endpoints.front().only;
        if (only && only->cgroup) {
            paths.push_back(*only->cgroup);
        }
    }
    return paths;
}

}  // namespace ks
