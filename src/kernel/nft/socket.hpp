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

/// A NETLINK_NETFILTER socket with buffers large enough for our largest batch, and perhaps a second
/// one, `held`, that the tables belong to and that only transactions go by.
///
/// Questions never go by the held one: its other holder may be watching it, as systemd watches the
/// socket of a service that does not run. An answer there makes it start that service, and where it
/// cannot, close the socket, with which the tables may go. A transaction that the kernel carries
/// out has no answer.
class NftSocket {
  public:
    using Each = std::function<void(const nlmsghdr*)>;

    [[nodiscard]] static Result<NftSocket> open();
    /// Goes on with a socket that another process opened, and perhaps used. What it left unread is
    /// discarded. \return EINVAL when `held` is no NETLINK_NETFILTER socket.
    [[nodiscard]] static Result<NftSocket> adopt(Fd held);

    /// Of the socket that transactions go by.
    [[nodiscard]] std::uint32_t port() const { return mnl_socket_get_portid(owner()); }
    [[nodiscard]] int fd() const { return mnl_socket_get_fd(socket_.get()); }
    [[nodiscard]] std::uint32_t next_seq() { return ++seq_; }

    /// Sends one request and hands every answer to `each` until the kernel says it is complete.
    /// \return the errno of the kernel; EINTR when another writer disturbed a dump (ask again).
    [[nodiscard]] Status ask(const nlmsghdr* request, const Each& each);

    /// Sends one transaction, and hands every answer to it to `each`.
    /// Source: nfnetlink handles it before sendmsg returns.
    /// \return ENOBUFS when some were lost.
    [[nodiscard]] Status transact(const std::vector<char>& bytes, const Each& each);
    /// The same for one that has no end, which the kernel only checks: as a question.
    [[nodiscard]] Status rehearse(const std::vector<char>& bytes, const Each& each);
    /// Hands every message that is queued to `each`; never blocks.
    /// \return ENOBUFS when some were lost.
    [[nodiscard]] Status drain(const Each& each) { return drain(socket_.get(), each); }

    /// Joins a multicast group of nfnetlink.
    [[nodiscard]] Status join(int group);

  private:
    explicit NftSocket(MnlSocket socket);
    [[nodiscard]] mnl_socket* owner() const { return held_ ? held_.get() : socket_.get(); }
    [[nodiscard]] Result<std::size_t> receive(mnl_socket* from, int flags);
    [[nodiscard]] Status send(mnl_socket* by, const std::vector<char>& bytes, const Each& each);
    [[nodiscard]] Status drain(mnl_socket* from, const Each& each);

    MnlSocket socket_;
    MnlSocket held_;
    std::vector<char> buffer_;
    std::uint32_t seq_ = 0;
};

/// Calls `each` for every attribute of a message of nfnetlink that is whole.
void for_each_attribute(const nlmsghdr* message, const std::function<void(const nlattr*)>& each);

}  // namespace ks
