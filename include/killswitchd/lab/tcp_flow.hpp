// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <cstdint>

namespace ks::lab {

/// An old flow: a TCP connection from before the lock. The lab must outlive it, unmoved.
class TcpFlow {
  public:
    /// Connects to the internet's push service through uplink 0 and reads its greeting.
    [[nodiscard]] static Result<TcpFlow> open(Lab& lab, const Node& from, const IpAddress& to,
                                              Millis limit = Millis{2000});
    /// Client push: hands one tagged segment to the kernel. \return its errno, 0 when taken.
    [[nodiscard]] int push();
    /// Server push: the internet sends, and the kernel here acknowledges if it may.
    /// \return whether the data arrived within `limit`.
    [[nodiscard]] Result<bool> receive_push(Millis limit = Millis{200});
    [[nodiscard]] bool matches(const FrameInfo& frame) const;

  private:
    TcpFlow(Lab& lab, Fd socket, IpAddress to, std::uint16_t local_port);
    Lab* lab_;
    Fd socket_;
    IpAddress to_;
    std::uint16_t local_port_;
    std::uint32_t tag_;
};

}  // namespace ks::lab
