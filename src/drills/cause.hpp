// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/policy.hpp"
#include "tally.hpp"

#include <string>
#include <string_view>

namespace ks::drills {

/// Why something left in spite of the lock, and what to do about it.
struct Cause {
    std::string because;  ///< "tunnel wg0 has no `only`"
    std::string key;      ///< LoadedConfig::places; empty where no key is to blame.
    std::string fix;      ///< What to write there, or whom to tell.
    friend bool operator==(const Cause&, const Cause&) = default;
};

/// \param policy  As written, not as adapted.
/// \param drill   The name of the drill in which it was seen.
[[nodiscard]] Cause cause_of(const Leak& leak, const Policy& policy, std::string_view drill);

/// "udp 192.168.77.2 > 203.0.113.7:51820 by any program"
[[nodiscard]] std::string describe(const Leak& leak);

}  // namespace ks::drills
