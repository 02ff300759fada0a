// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "notes.hpp"
#include "piece.hpp"

#include <vector>

namespace ks {

/// The file of one connection.
void read_openvpn(const std::vector<Piece>& lines, Notes& notes);

}  // namespace ks
