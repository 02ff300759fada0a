// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/probe.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace ks::lab {

/// A tag that no payload of this process carried yet.
[[nodiscard]] std::uint32_t next_tag();

/// While it lives, sockets that the calling thread opens, and processes that it starts, are
/// `sender`'s: the kernel judges a packet's user by who opened the socket. Needs root.
class ActAs {
  public:
    explicit ActAs(const Sender& sender);
    ActAs(const ActAs&) = delete;
    ActAs& operator=(const ActAs&) = delete;
    ~ActAs();

  private:
    int user_;
    int group_;
};

/// Sends one packet each, without waiting for answers. icmp and raw need CAP_NET_RAW.
[[nodiscard]] std::vector<Shot> fire(const Lab& lab, const Node& from,
                                     std::span<const Probe> probes);
/// fire(), settle the capture, judge().
[[nodiscard]] Result<std::vector<Outcome>> probe_round(Lab& lab, const Node& from,
                                                       std::span<const Probe> probes);

}  // namespace ks::lab
