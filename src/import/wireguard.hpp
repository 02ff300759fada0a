// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "notes.hpp"
#include "piece.hpp"

#include <vector>

namespace ks {

/// The file of one interface, for wg(8) or wg-quick(8), which name it after the file.
void read_wireguard(const std::vector<Piece>& lines, Notes& notes);

}  // namespace ks
