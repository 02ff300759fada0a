// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/sockets.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ks {

/// All connections of TCP that stand now, of both families.
[[nodiscard]] std::vector<OpenSocket> connections();

/// The one that this process's user sits at the other end of, by SSH: the one that SSH_CONNECTION
/// names, of this process or of one that it was started by (sudo drops the variable); else the one
/// that an SSH server among those holds open; else one of an SSH server of the same login.
/// \param established  See connections(): a session is only believed where its socket stands.
[[nodiscard]] std::optional<OpenSocket> remote_session(const std::vector<OpenSocket>& established);

/// "198.51.100.23 50122 192.0.2.2 22" as the socket of that connection; nothing for other text.
[[nodiscard]] std::optional<OpenSocket> socket_named_by(const std::string& ssh_connection);

}  // namespace ks
