// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "notes.hpp"
#include "piece.hpp"

#include <vector>

namespace ks {

/// A connection of NetworkManager.
void read_keyfile(const std::vector<Piece>& lines, Notes& notes);

}  // namespace ks
