// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "keys.hpp"
#include "killswitchd/policy.hpp"
#include "readers.hpp"

#include <array>
#include <cstddef>

namespace ks {

inline constexpr std::size_t kRootKeys = 15;
/// The table of the whole configuration.
[[nodiscard]] const std::array<Key<Policy>, kRootKeys>& root_keys();

/// Reads a whole configuration. The result counts only when the report has no errors.
[[nodiscard]] Policy read_policy(Context& context, const Node& root);

// Its sections that have files of their own.
[[nodiscard]] Key<Policy> tunnels_key();
[[nodiscard]] Key<Policy> dns_key();
[[nodiscard]] Key<Policy> lan_key();
[[nodiscard]] Key<Policy> guests_key();
[[nodiscard]] Key<Policy> allow_key();
[[nodiscard]] Key<Policy> apps_key();

// What the language has and a Policy cannot express yet. Its form is checked; what asks for nothing
// is accepted, everything else refused.
[[nodiscard]] Key<Policy> log_key();

/// The user who asks `dns.bootstrap`, where the config names none.
void settle_bootstrap(Context& context, const Node& root, Policy& policy);

/// What no key can know alone: keys that are missing, contradict each other, or open more together
/// than they seem to. `root` is the mapping that `policy` was read from.
void check_policy(Context& context, const Node& root, const Policy& policy);

}  // namespace ks
