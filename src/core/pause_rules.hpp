// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

namespace ks {

/// Lets everything pass, at every hook, for as long as the elements of kPausedSet have not ended;
/// the rules of the state behind the pause stand after it. Comes last.
void add_pause(Draft& draft);

}  // namespace ks
