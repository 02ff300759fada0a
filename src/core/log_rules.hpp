// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

namespace ks {

/// Has every rule of `inet` that refuses, or drops under a reason, tell of the packet before: in a
/// chain of its own, so that only refused packets take the time. For finished chains.
void add_log(Draft& draft);

}  // namespace ks
