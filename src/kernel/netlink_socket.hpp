// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <linux/netlink.h>

namespace ks {

/// A protocol of the kernel's netlink, and what people call it.
struct NetlinkProtocol {
    int number = 0;
    const char* name = "";
};

enum class Read : std::uint8_t { messages, nothing, lost };
enum class Dump : std::uint8_t { complete, interrupted };
/// How often an interrupted dump is asked for again.
inline constexpr int kDumpAttempts = 50;
using HandleMessage = std::function<void(const nlmsghdr&)>;

/// A netlink socket, and the room for one datagram.
class NetlinkSocket {
  public:
    /// For notifications: never blocks, and has a large receive buffer.
    [[nodiscard]] static Result<NetlinkSocket> open_events(NetlinkProtocol protocol,
                                                           const std::vector<int>& groups);
    /// For dumps, each on its own socket: unread answers of an abandoned one go with it.
    /// A read waits for five seconds at most.
    [[nodiscard]] static Result<NetlinkSocket> open_dumps(NetlinkProtocol protocol);

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// Next datagram, each message of it to `handle`. Only the kernel is heard.
    [[nodiscard]] Result<Read> receive(const HandleMessage& handle);
    /// Everything that is queued. \return whether messages were lost.
    [[nodiscard]] Result<bool> drain(const HandleMessage& handle);

    /// Sends a request for a dump whose header is `Header`, and hands over its messages.
    template <class Header>
    [[nodiscard]] Result<Dump> dump(std::uint16_t type, std::uint32_t sequence,
                                    const HandleMessage& handle) {
        return dump(type, sequence, Header{}, handle);
    }
    /// The same with a header that says something.
    template <class Header>
    [[nodiscard]] Result<Dump> dump(std::uint16_t type, std::uint32_t sequence,
                                    const Header& header, const HandleMessage& handle) {
        struct {
            nlmsghdr message;
            Header header;
        } request{{}, header};
        request.message.nlmsg_len = sizeof request;
        request.message.nlmsg_type = type;
        request.message.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        request.message.nlmsg_seq = sequence;
        return dump({&request, sizeof request}, sequence, handle);
    }

  private:
    NetlinkSocket(NetlinkProtocol protocol, Fd fd);
    [[nodiscard]] static Result<NetlinkSocket> open(NetlinkProtocol protocol, int type_flags);
    struct Bytes {
        const void* data = nullptr;
        std::size_t size = 0;
    };
    [[nodiscard]] Result<Dump> dump(Bytes request, std::uint32_t sequence,
                                    const HandleMessage& handle);

    NetlinkProtocol protocol_;
    Fd fd_;
    std::vector<char> buffer_;  ///< From operator new, so aligned for nlmsghdr.
};

}  // namespace ks
