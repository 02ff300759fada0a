// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "proof.hpp"

#include <string>

namespace ks::proof {

/// A proof as one HTML file that loads nothing and runs nothing: verdict, picture, holes, facts,
/// rules.
[[nodiscard]] std::string page(const Proof& proof);

}  // namespace ks::proof
