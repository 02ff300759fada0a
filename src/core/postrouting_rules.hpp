// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

namespace ks {

/// The chain that has the last word: what `output` accepts, asked once more of the device that the
/// packet really leaves by. To be called when `output` is finished. Packets with a mark, which
/// another table may have sent elsewhere, are no longer refused at `output` then.
void add_postrouting(Draft& draft);

}  // namespace ks
