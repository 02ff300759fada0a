// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

namespace ks {

/// A duplicate of the first socket of that kind that systemd passed to this process; an empty Fd
/// when there is none. None of the passed descriptors goes on to a child. Source: sd_listen_fds(3).
[[nodiscard]] Result<Fd> inherited_socket(int domain, int protocol);

}  // namespace ks
