// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/endpoints.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

void add_learned(std::vector<KnownEndpoint>& known, const std::vector<KnownEndpoint>& learned) {
    std::set<Endpoint> all;
    for (const KnownEndpoint& one : known) {
        all.insert(one.endpoint);
    }
    for (const KnownEndpoint& one : learned) {
        if (all.insert(one.endpoint).second) {
            known.push_back(one);
        }
    }
}

}  // namespace

std::string_view word(EndpointSource source) noexcept {
    switch (source) {
    case EndpointSource::config:
        return "config";
    case EndpointSource::imported:
        return "import";
    case EndpointSource::hostname:
        return "dns";
    case EndpointSource::automatic:
        return "auto";
    case EndpointSource::lease:
        return "lease";
    }
    return "?";
}

std::string provenance(const KnownEndpoint& known) {
    return known.origin.empty() ? std::string(word(known.source))
                                : fmt::format("{}: {}", word(known.source), known.origin);
}

KnownEndpoints with_source(KnownEndpoints known, EndpointSource source,
                           const KnownEndpoints& news) {
    for (auto& [tunnel, endpoints] : known) {
        std::erase_if(endpoints, [&](const KnownEndpoint& one) { return one.source == source; });
    }
    for (const auto& [tunnel, endpoints] : news) {
        auto& all = known[tunnel];
        all.insert(all.end(), endpoints.begin(), endpoints.end());
    }
    std::erase_if(known, [](const auto& entry) { return entry.second.empty(); });
    return known;
}

KnownEndpoints known_endpoints(const Policy& policy, const KnownEndpoints& learned) {
    KnownEndpoints all;
    for (const Tunnel& tunnel : policy.tunnels) {
        std::vector<KnownEndpoint>& known = all[tunnel.name];
        for (const Endpoint& endpoint : tunnel.endpoints) {
            known.push_back({endpoint});
        }
        if (const auto& more = endpoints_of(learned, tunnel.name); !more.empty()) {
            add_learned(known, more);
        }
    }
    if (const auto& leases = endpoints_of(learned, kLeases); !leases.empty()) {
        all[kLeases] = leases;
    }
    return all;
}

Policy with_endpoints(Policy policy, const KnownEndpoints& known) {
    for (Tunnel& tunnel : policy.tunnels) {
        tunnel.imports.clear();
        tunnel.automatic = false;
        tunnel.follow_roaming = false;
        tunnel.names.clear();
        tunnel.endpoints.clear();
        for (const KnownEndpoint& one : endpoints_of(known, tunnel.name)) {
            tunnel.endpoints.push_back(one.endpoint);
        }
    }
    policy.bootstrap = {};
    return policy;
}

const std::vector<KnownEndpoint>& endpoints_of(const KnownEndpoints& known,
                                               const std::string& tunnel) noexcept {
    static const std::vector<KnownEndpoint> kNone;
    const auto found = known.find(tunnel);
    return found == known.end() ? kNone : found->second;
}

}  // namespace ks
