// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "drills.hpp"

namespace ks::drills {

/// What the config lets through on purpose, and what resembles it and must not pass. Only for a
/// policy with allowances().
[[nodiscard]] const Drill& exceptions();

}  // namespace ks::drills
