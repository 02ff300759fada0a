// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "notes.hpp"
#include "piece.hpp"

#include <vector>

namespace ks {

/// The connections of strongSwan's swanctl.conf.
void read_swanctl(const std::vector<Piece>& lines, Notes& notes);

}  // namespace ks
