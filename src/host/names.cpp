// SPDX-License-Identifier: GPL-2.0-or-later
#include "names.hpp"

#include "killswitchd/automatic.hpp"
#include "learned_store.hpp"
#include "name_cache.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

struct Named {
    const NamedEndpoint* server;
    std::string origin;  ///< See KnownEndpoint.
};

std::vector<Named> named_of(const Tunnel& tunnel, const VpnFiles& files) {
    std::vector<Named> all;
    for (const NamedEndpoint& server : tunnel.names) {
        all.push_back({&server, server.host});
    }
    for (const std::string& path : tunnel.imports) {
        const auto file = files.find(path);
        if (file == files.end()) {
            continue;
        }
        for (const VpnFile::NamedServer& server : file->second.names) {
            all.push_back({&server.endpoint, fmt::format("{}, {}:{}", server.endpoint.host, path,
                                                         server.unknown.line)});
        }
    }
    return all;
}

/// Where that cannot be read, the tunnels stay as closed as before anything was learned.
KnownEndpoints learned_before(const Paths& paths, const Policy& policy) {
    const auto servers = load_learned(paths);
    return servers ? endpoints_from(*servers, policy) : KnownEndpoints{};
}

}  // namespace

std::vector<NamedEndpoint> named_servers(const Tunnel& tunnel, const VpnFiles& files) {
    std::vector<NamedEndpoint> servers;
    for (const Named& named : named_of(tunnel, files)) {
        servers.push_back(*named.server);
    }
    return servers;
}

std::vector<std::string> wanted_names(const Policy& policy, const VpnFiles& files) {
    std::vector<std::string> names;
    if (policy.mode == Mode::off || policy.bootstrap.servers.empty() || !policy.bootstrap.user) {
        return names;
    }
    for (const Tunnel& tunnel : policy.tunnels) {
        for (const Named& named : named_of(tunnel, files)) {
            const std::string& host = named.server->host;
            if (names.size() < kMaxNames && std::ranges::find(names, host) == names.end()) {
                names.push_back(host);
            }
        }
    }
    return names;
}

KnownEndpoints endpoints_named(const Policy& policy, const VpnFiles& files, const NameBook& book) {
    KnownEndpoints known;
    for (const Tunnel& tunnel : policy.tunnels) {
        for (const Named& one : named_of(tunnel, files)) {
            add_named(known[tunnel.name], *one.server, book, one.origin);
        }
    }
    return known;
}

KnownEndpoints learned_endpoints(const Policy& policy, const VpnFiles& files, const NameBook& book,
                                 const KnownEndpoints& before) {
    return with_source(
        with_source(before, EndpointSource::imported, endpoints_in(files, policy, before)),
        EndpointSource::hostname, endpoints_named(policy, files, book));
}

KnownEndpoints learned_endpoints(const Paths& paths, const Policy& policy, const VpnFiles& files) {
    const std::vector<std::string> names = wanted_names(policy, files);
    NameBook book =
        names.empty() ? NameBook{} : load_name_cache(paths.state_dir, policy.bootstrap.servers);
    keep_names(book, names);
    return learned_endpoints(policy, files, book, learned_before(paths, policy));
}

bool is_used(const std::string& host, const Policy& policy, const VpnFiles& files,
             const std::vector<std::string>& tunnels_up) {
    return std::ranges::any_of(policy.tunnels, [&](const Tunnel& tunnel) {
        const bool up = std::ranges::any_of(tunnels_up, [&](const std::string& name) {
            return name == tunnel.name || interface_matches(tunnel.interface, name);
        });
        return up && std::ranges::any_of(named_of(tunnel, files), [&](const Named& named) {
                   return named.server->host == host;
               });
    });
}

}  // namespace ks
