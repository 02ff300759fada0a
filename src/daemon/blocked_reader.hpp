// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/blocked.hpp"
#include "killswitchd/packet_log.hpp"
#include "killswitchd/reactor.hpp"
#include "killswitchd/step.hpp"
#include "service.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// Reads the packets that the rules tell of, and passes them on to whoever asked the service.
class BlockedReader {
  public:
    /// Everything must outlive it. `state` is asked for the names of interfaces.
    BlockedReader(Reactor& reactor, Service& service, std::function<const State&()> state)
        : reactor_(reactor), service_(service), state_(std::move(state)) {}

    /// Listens when the rules tell of packets, else not. What is in the way is said once.
    void follow();
    /// Somebody waits for packets, or nobody any more.
    void hurry(bool somebody);
    /// The last ones, or why there are none.
    [[nodiscard]] Result<std::vector<BlockedPacket>, Failure> recent() const;

  private:
    void read();
    void say(std::string problem);

    Reactor& reactor_;
    Service& service_;
    std::function<const State&()> state_;
    std::optional<PacketLog> log_;
    PacketLog::Pace pace_ = PacketLog::Pace::lazily;
    RecentlyBlocked recent_;
    std::string problem_;
};

}  // namespace ks
