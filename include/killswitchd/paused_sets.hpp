// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace ks {

/// The sets whose elements the kernel takes away when a pause ends, by name.

/// Of packet types: it has elements while everything may pass.
inline constexpr const char* kPausedSet = "paused";
/// Of the users who have a pause of their own.
inline constexpr const char* kPausedUsersSet = "paused_users";
/// Of packet types: it has elements while some user has a pause, for the answers.
inline constexpr const char* kPausedAnswersSet = "paused_answers";

}  // namespace ks
