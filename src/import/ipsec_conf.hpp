// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "notes.hpp"
#include "piece.hpp"

#include <vector>

namespace ks {

/// The connections of ipsec.conf, for strongSwan or Libreswan.
void read_ipsec_conf(const std::vector<Piece>& lines, Notes& notes);

}  // namespace ks
