// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/accounts.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace ks {

/// Endpoints that somebody wants to be open for as long as the wish is held.
struct LeaseWish {
    std::vector<Endpoint> endpoints;
    Only only;
    friend bool operator==(const LeaseWish&, const LeaseWish&) = default;
};

/// More in one wish are refused.
inline constexpr std::size_t kMaxLeaseEndpoints = 16;

/// Reads `endpoints` as the config writes them, and `only` as items of "fwmark=0xca6c", "user=",
/// "group=" and "cgroup=", several in one when there are commas between them.
[[nodiscard]] Result<LeaseWish> parse_lease(const std::vector<std::string>& endpoints,
                                            const std::vector<std::string>& only,
                                            const NameLookup& names);

/// `only` as parse_lease() reads it, with numbers alone; empty when every program may.
[[nodiscard]] std::string lease_text(const Only& only);

}  // namespace ks
