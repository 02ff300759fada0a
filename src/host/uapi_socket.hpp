// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/automatic.hpp"
#include "killswitchd/error.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace ks {

/// Where WireGuard programs of user space listen, each at INTERFACE.sock.
inline constexpr const char* kUapiDirectory = "/var/run/wireguard";

/// Who does not answer within this is not waited for: the service has nothing else to wait with.
inline constexpr std::chrono::milliseconds kUapiPatience{200};

/// Asks the program of user space that makes this interface. Absent when none listens for it.
/// Believed are only sockets in a directory that root alone may write to, with a listener of root;
/// for a program that root has not started, those of the effective user.
[[nodiscard]] Result<std::optional<VpnDevice>>
ask_uapi(const std::string& interface, const std::string& directory = kUapiDirectory);

}  // namespace ks
