// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/policy.hpp"

#include <fmt/format.h>

namespace ks {

bool interface_matches(std::string_view pattern, std::string_view name) noexcept {
    if (pattern.ends_with('*')) {
        return name.starts_with(pattern.substr(0, pattern.size() - 1));
    }
    return pattern == name;
}

std::string_view word(Mode mode) noexcept {
    switch (mode) {
    case Mode::off:
        return "off";
    case Mode::always:
        return "always";
    case Mode::on_drop:
        return "on-drop";
    }
    return "?";
}

std::vector<std::string> holes(const Policy& policy) {
    std::vector<std::string> found;
    for (const Tunnel& tunnel : policy.tunnels) {
        if (tunnel.interface.ends_with('*')) {
            found.push_back(fmt::format("tunnel {}: every interface named {} is trusted",
                                        tunnel.name, tunnel.interface));
        }
        if (tunnel.only.empty()) {
            for (const Endpoint& endpoint : tunnel.endpoints) {
                found.push_back(fmt::format("tunnel {}: any program may send to {}", tunnel.name,
                                            endpoint.str()));
            }
        }
    }
    return found;
}

}  // namespace ks
