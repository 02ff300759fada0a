// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/control_server.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <string>

#include <sys/socket.h>
#include <sys/un.h>

namespace ks {

/// Address of a unix socket together with the length that counts.
struct UnixAddress {
    sockaddr_un raw{};
    socklen_t length = 0;

    /// A path, or an abstract name after '@'. \return ENAMETOOLONG, or EINVAL for no usable name.
    [[nodiscard]] static Result<UnixAddress> of(const std::string& name);
    [[nodiscard]] const sockaddr* get() const noexcept;
};

/// Non-blocking socket that listens at `path`, mode 0666. Errors: ControlServer::listen().
[[nodiscard]] Result<Fd> listen_at(const std::string& path);

/// \return an error when the kernel cannot name the peer: then nobody may be admitted.
[[nodiscard]] Result<Peer> peer_of(int connected_fd);

/// Closed for both sides, or nobody there any more: the normal end of a connection.
[[nodiscard]] bool is_disconnect(int sys_errno) noexcept;

}  // namespace ks
