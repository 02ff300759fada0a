// SPDX-License-Identifier: GPL-2.0-or-later
#include "imports.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/files.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

using Moment = std::chrono::system_clock::time_point;

Diagnostic whole_file(Diagnostic::Severity severity, const std::string& path, std::string message,
                      std::string hint = {}) {
    Diagnostic finding;
    finding.severity = severity;
    finding.file = path;
    finding.message = std::move(message);
    finding.hint = std::move(hint);
    return finding;
}

bool looks_up(const Policy& policy) {
    return !policy.bootstrap.servers.empty();
}

/// Whether `file` names a server that can be reached while traffic is blocked.
bool has_server(const VpnFile& file, const Policy& policy) {
    return !file.servers.empty() || (looks_up(policy) && !file.names.empty());
}

bool has_endpoint(const Tunnel& tunnel, const VpnFiles& files, const Policy& policy) {
    return !tunnel.endpoints.empty() || tunnel.automatic || !tunnel.names.empty() ||
           std::ranges::any_of(tunnel.imports, [&](const std::string& path) {
               return has_server(files.at(path), policy);
           });
}

std::string mark_hint(const Tunnel& tunnel, const std::string& path, const ImpliedMark& mark) {
    const std::string says = fmt::format("{} marks the packets of tunnel {} with 0x{:x} ({}:{})",
                                         mark.by, tunnel.name, mark.value, path, mark.line);
    if (!tunnel.only.fwmark) {
        return fmt::format("{}; to let no other program use its endpoints: only: {{ fwmark: "
                           "0x{:x} }}",
                           says, mark.value);
    }
    const MarkMatch& asked = *tunnel.only.fwmark;
    const bool matches = (mark.value & asked.mask) == asked.value;
    return matches
               ? std::string()
               : fmt::format("{}, but only.fwmark asks for another: it could not connect", says);
}

std::set<std::string> servers_of(const VpnFile& file) {
    std::set<std::string> all;
    for (const VpnFile::Server& server : file.servers) {
        all.insert(server.endpoint.str());
    }
    for (const VpnFile::NamedServer& server : file.names) {
        all.insert(server.endpoint.str());
    }
    return all;
}

/// What `a` has and `b` has not, after `verb`; few enough for a line of a log.
std::string missing(std::string_view verb, const std::set<std::string>& a,
                    const std::set<std::string>& b) {
    constexpr std::size_t kMostNamed = 8;
    std::vector<std::string> names;
    std::ranges::set_difference(a, b, std::back_inserter(names));
    if (names.size() > kMostNamed) {
        const std::size_t more = names.size() - kMostNamed;
        names.resize(kMostNamed);
        names.push_back(fmt::format("{} more", more));
    }
    return names.empty() ? std::string() : fmt::format("{} {}", verb, fmt::join(names, ", "));
}

}  // namespace

Result<std::string> read_trusted(const std::string& path, std::size_t most) {
    // Nobody can replace a file of another user in a directory with the sticky bit.
    auto directory = open_trusted_directory(directory_of(path), StickyBit::suffices);
    if (!directory) {
        return std::move(directory).error();
    }
    return read_trusted_file(path, most);
}

VpnFile read_vpn_file(const std::string& path) {
    const auto text = read_trusted(path, kMaxVpnFileBytes);
    if (text) {
        return parse_vpn_file(path, *text);
    }
    VpnFile file;
    file.findings.push_back(whole_file(Diagnostic::Severity::error, path, text.error().message()));
    return file;
}

VpnFiles read_vpn_files(const Policy& policy) {
    VpnFiles files;
    for (const Tunnel& tunnel : policy.tunnels) {
        for (const std::string& path : tunnel.imports) {
            if (!files.contains(path)) {
                files.emplace(path, read_vpn_file(path));
            }
        }
    }
    return files;
}

KnownEndpoints endpoints_in(const VpnFiles& files, const Policy& policy,
                            const KnownEndpoints& before) {
    const auto now = std::chrono::system_clock::now();
    KnownEndpoints known;
    for (const Tunnel& tunnel : policy.tunnels) {
        std::map<Endpoint, Moment> moments;
        for (const KnownEndpoint& one : endpoints_of(before, tunnel.name)) {
            moments.emplace(one.endpoint, one.learned.value_or(now));
        }
        for (const std::string& path : tunnel.imports) {
            for (const VpnFile::Server& server : files.at(path).servers) {
                const Moment learned = moments.emplace(server.endpoint, now).first->second;
                known[tunnel.name].push_back({server.endpoint, EndpointSource::imported, learned,
                                              fmt::format("{}:{}", path, server.line)});
            }
        }
    }
    return known;
}

std::vector<Diagnostic> findings_in(const VpnFiles& files, const Policy& policy) {
    std::vector<Diagnostic> all;
    for (const auto& [path, file] : files) {
        all.insert(all.end(), file.findings.begin(), file.findings.end());
        for (const VpnFile::NamedServer& server : file.names) {
            if (!looks_up(policy)) {
                all.push_back(server.unknown);
            }
        }
    }
    for (const Tunnel& tunnel : policy.tunnels) {
        const bool others = has_endpoint(tunnel, files, policy);
        for (const std::string& path : tunnel.imports) {
            const VpnFile& file = files.at(path);
            if (!has_server(file, policy) && !file.broken()) {
                all.push_back(whole_file(
                    others ? Diagnostic::Severity::warning : Diagnostic::Severity::error, path,
                    fmt::format("gives no endpoint{}",
                                others ? ""
                                       : fmt::format(", and tunnel '{}' has no other: it cannot "
                                                     "connect while traffic is blocked",
                                                     tunnel.name)),
                    "write the VPN server's address among the tunnel's 'endpoints'"));
            }
        }
    }
    return all;
}

std::vector<std::string> mark_hints(const VpnFiles& files, const Policy& policy) {
    std::vector<std::string> hints;
    for (const Tunnel& tunnel : policy.tunnels) {
        for (const std::string& path : tunnel.imports) {
            const VpnFile& file = files.at(path);
            std::string hint = file.mark ? mark_hint(tunnel, path, *file.mark) : std::string();
            if (!hint.empty()) {
                hints.push_back(std::move(hint));
            }
        }
    }
    return hints;
}

std::string change_between(const VpnFile& before, const VpnFile& after) {
    const std::string added = missing("added", servers_of(after), servers_of(before));
    const std::string removed = missing("removed", servers_of(before), servers_of(after));
    return fmt::format("{}{}{}", added, added.empty() || removed.empty() ? "" : "; ", removed);
}

}  // namespace ks
