// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "socket.hpp"

namespace ks {

/// Removes the tables called `name` of every family, in one transaction, and proves it by reading.
/// \return the errno of the kernel; Error::what names every table that stands still.
[[nodiscard]] Status remove_tables(NftSocket& socket, const char* name);

}  // namespace ks
