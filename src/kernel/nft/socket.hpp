// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <libmnl/libmnl.h>

namespace ks {

using MnlSocket = CHandle<mnl_socket, mnl_socket_close>;

/// One NETLINK_NETFILTER socket with buffers large enough for our largest batch.
class NftSocket {
  public:
    [[nodiscard]] static Result<NftSocket> open();
    /// Goes on with a socket that another process opened, and perhaps used. What it left unread is
    /// discarded. \return EINVAL when `fd` is no NETLINK_NETFILTER socket.
    [[nodiscard]] static Result<NftSocket> adopt(Fd fd);

    [[nodiscard]] std::uint32_t port() const { return mnl_socket_get_portid(socket_.get()); }
    [[nodiscard]] int fd() const { return mnl_socket_get_fd(socket_.get()); }
    [[nodiscard]] std::uint32_t next_seq() { return ++seq_; }

    /// Sends one request and hands every answer to `each` until the kernel says it is complete.
    /// \return the errno of the kernel; EINTR when another writer disturbed a dump (ask again).
    [[nodiscard]] Status ask(const nlmsghdr* request,
                             const std::function<void(const nlmsghdr*)>& each);

    /// Sends `bytes` in one sendmsg. Source: nfnetlink handles it before sendmsg returns.
    [[nodiscard]] Status send(const std::vector<char>& bytes);
    /// Hands every message that is queued to `each`; never blocks.
    /// \return ENOBUFS when some were lost.
    [[nodiscard]] Status drain(const std::function<void(const nlmsghdr*)>& each);

    /// Joins a multicast group of nfnetlink.
    [[nodiscard]] Status join(int group);

  private:
    explicit NftSocket(MnlSocket socket);
    [[nodiscard]] Result<std::size_t> receive(int flags);

    MnlSocket socket_;
    std::vector<char> buffer_;
    std::uint32_t seq_ = 0;
};

/// Calls `each` for every attribute of a message of nfnetlink that is whole.
void for_each_attribute(const nlmsghdr* message, const std::function<void(const nlattr*)>& each);

}  // namespace ks
