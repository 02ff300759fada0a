// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <cstdint>

namespace ks {

/// A descriptor of the netfilter netlink socket with that port id in this network namespace,
/// borrowed from whichever process holds it open: what it owns can be changed through it.
///
/// For the commands of a service that does not run, when the table belongs to the socket that
/// systemd holds for it.
/// \return ENOENT when no process that can be seen has it; EPERM without CAP_SYS_PTRACE.
/// Source: pidfd_getfd(2), Linux 5.6; /proc/net/netlink.
[[nodiscard]] Result<Fd> borrow_owner_socket(std::uint32_t port);

}  // namespace ks
