// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"

#include <chrono>

namespace ks {

// The process that asks for names: it parses what strangers send, so it has no privilege at all.

/// Answers the questions that come through `connection`, a SOCK_SEQPACKET socket, until the other
/// side closes it.
[[nodiscard]] Status serve_names(int connection);

/// Accepts one connection after the other on `listener`; ends when none comes for `patience`.
[[nodiscard]] Status serve_names_at(int listener, std::chrono::milliseconds patience);

}  // namespace ks
