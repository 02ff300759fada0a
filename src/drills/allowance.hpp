// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ks::drills {

/// One thing that a config lets out or in beside the tunnel, on purpose.
struct Allowance {
    enum class Kind : std::uint8_t {
        lan,
        outbound,
        inbound,
        apps,  ///< Whoever `scope: apps` does not list.
    } kind = Kind::lan;
    std::size_t number = 0;  ///< In its list of the config.
    std::string text;        ///< As holes() says it: "exception: packets to 192.0.2.0/24".
    std::string key;         ///< LoadedConfig::places: "allow.outbound[0]".
    /// Nobody can call a lock what lets any program reach most of the internet.
    bool wide = false;
};

/// Those of `policy`, the local network first.
[[nodiscard]] std::vector<Allowance> allowances(const Policy& policy);

}  // namespace ks::drills
