// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// Where an endpoint is known from.
enum class EndpointSource : std::uint8_t {
    config,     ///< An address in the config.
    imported,   ///< The file of a VPN program that the config names.
    hostname,   ///< The answer to a name in the config.
    automatic,  ///< What the tunnel's own program is seen to talk to.
    lease,      ///< Allowed for as long as its holder lives.
};
[[nodiscard]] std::string_view word(EndpointSource source) noexcept;  ///< "config", "auto", ...

struct KnownEndpoint {
    Endpoint endpoint;
    EndpointSource source = EndpointSource::config;
    /// By the wall clock; absent with EndpointSource::config.
    std::optional<std::chrono::system_clock::time_point> learned{};
    std::string
        origin{};  ///< Where exactly, for people: "/etc/wireguard/wg0.conf:9"; may be empty.
    std::optional<Only> only{};  ///< Of a lease: who may send to it, in place of the tunnel's.
    friend bool operator==(const KnownEndpoint&, const KnownEndpoint&) = default;
};

/// Name of a tunnel -> its endpoints, each once.
using KnownEndpoints = std::map<std::string, std::vector<KnownEndpoint>>;

/// Leases belong to no tunnel. No tunnel has this name.
inline const std::string kLeases;

/// `known`, but of `source` only what `news` has.
[[nodiscard]] KnownEndpoints with_source(KnownEndpoints known, EndpointSource source,
                                         const KnownEndpoints& news);

/// What the config says, and then what was learned besides, of the tunnels of `policy`, and the
/// leases: of a tunnel that is no longer there nothing is known.
[[nodiscard]] KnownEndpoints known_endpoints(const Policy& policy,
                                             const KnownEndpoints& learned = {});

/// `policy` with all of `known` as endpoints of its own: no imports, no names to look up.
[[nodiscard]] Policy with_endpoints(Policy policy, const KnownEndpoints& known);

/// "config", or "import: /etc/wireguard/wg0.conf:9".
[[nodiscard]] std::string provenance(const KnownEndpoint& known);

/// Of one tunnel, by its name; none when it is not known.
[[nodiscard]] const std::vector<KnownEndpoint>& endpoints_of(const KnownEndpoints& known,
                                                             const std::string& tunnel) noexcept;

}  // namespace ks
