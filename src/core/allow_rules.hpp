// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

#include <cstdint>

namespace ks {

enum class Ports : std::uint8_t { named, any };
/// The exceptions that name ports, or those that do not: the former may open DNS, the latter not.
void add_allow_rules(Draft& draft, Ports which);

}  // namespace ks
