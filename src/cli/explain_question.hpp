// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/decision.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/routes.hpp"
#include "options.hpp"

namespace ks::cli {

/// The packet that a command line asks about, on the way that the kernel would take with it.
struct Question {
    PacketView packet;
    Direction direction = Direction::out;
    Route route;  ///< To the far side; of a packet that comes in, back to it.
};

/// What was typed, without the route.
/// \return an error without an errno for what is no packet.
[[nodiscard]] Result<Question> parse_question(const Options::Packet& typed);

/// Asks the kernel for the route, and completes the packet with interfaces and addresses.
/// \return the errno of find_route() where no route leads there.
[[nodiscard]] Result<Question> routed(Question question);

}  // namespace ks::cli
