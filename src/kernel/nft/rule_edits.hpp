// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/observed_tables.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace ks {

/// Which rules of a chain can stay where they are while it is turned into `desired`: for each
/// desired rule the index of its equal in `observed`, rising, or nothing where it has to be made.
/// Linear in the number of rules. Keeps all that can be kept unless rules changed places.
[[nodiscard]] std::vector<std::optional<std::size_t>>
kept_rules(const std::vector<ObservedRule>& observed, const std::vector<ObservedRule>& desired);

}  // namespace ks
