// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

namespace ks {

/// A positive decimal number in the environment.
[[nodiscard]] std::optional<std::int64_t> number_in(const char* variable);

}  // namespace ks
