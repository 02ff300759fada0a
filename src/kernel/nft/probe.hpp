// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/situation.hpp"
#include "socket.hpp"

namespace ks {

/// Whether this kernel has chains at the egress of devices; changes nothing.
[[nodiscard]] RawSupport probe_egress(NftSocket& socket);
/// Whether it copies packets to programs; the same way.
[[nodiscard]] LogSupport probe_log(NftSocket& socket);

}  // namespace ks
