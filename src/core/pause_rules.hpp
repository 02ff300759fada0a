// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

namespace ks {

/// Lets everything pass, at every hook, for as long as the elements of kPausedSet have not ended;
/// the rules of the state behind the pause stand after it. Comes last.
void add_pause(Draft& draft);

/// Lets what a user sends leave, and answers in, for as long as the user's element of
/// kPausedUsersSet has not ended. The kernel knows the user of a packet until its socket is closed.
void add_user_pauses(Draft& draft);

}  // namespace ks
