// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/intents.hpp"

namespace ks {

/// What to do when the config cannot be used, or the rules that it asks for cannot be loaded: rules
/// that are in the kernel stay, a machine without any gets builtin_lock(). Only a disarmed machine
/// stays open. Logs what it did.
void lock_without_config(const Intents& intents);

}  // namespace ks
