// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

namespace ks {

/// The same once more at every uplink, for what does not pass `output`. Needs that chain complete.
void add_raw_guard(Draft& draft);

}  // namespace ks
