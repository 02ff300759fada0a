// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

#include <cstddef>

namespace ks {

/// What programs are under that `scope: apps` leaves free.
inline constexpr const char* kFreeChain = "free";
/// Decides about TCP segments that no user sends.
inline constexpr const char* kUnownedChain = "unowned";

/// How many of the first rules of a chain hold for everybody.
struct Common {
    std::size_t output = 0;
    std::size_t input = 0;
};

/// Moves the rules of the whole host into a chain that only the selectors of `scope: apps` lead to;
/// the common ones hold for the others too. What no selector takes is free, and so is everything
/// that passes through, and that arrives unless it is spoofed.
///
/// When a program closes a socket, what is queued in it is still sent, but for nobody: no user, and
/// no cgroup that may be gone by then. Such a segment is free only in a connection in which
/// somebody who is free has sent before.
void restrict_to_apps(Draft& draft, const Common& common);

}  // namespace ks
