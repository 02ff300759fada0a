// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "proof.hpp"

#include <string>

namespace ks::proof {

/// One JSON object, as killswitchd(8) describes it; ends in a newline.
[[nodiscard]] std::string to_json(const Proof& proof);

}  // namespace ks::proof
