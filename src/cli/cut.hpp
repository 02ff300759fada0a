// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/decision.hpp"
#include "killswitchd/sockets.hpp"
#include "killswitchd/step.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace ks::cli {

/// One connection that the rules would no longer carry.
struct CutConnection {
    OpenSocket socket;
    bool incoming = false;  ///< The other side opened it.
    std::string interface;  ///< By which its packets leave.
    std::string reason;     ///< The counter of the refusal.
};

/// What a change of rules does to the connections that stand.
struct Cut {
    std::optional<OpenSocket> session;      ///< Of the SSH login that asks, where there is one.
    std::optional<CutConnection> lost;      ///< The same, where it would be cut.
    std::vector<std::string> exceptions{};  ///< Lines for allow.inbound that would keep it.
    std::vector<CutConnection> others{};
};

/// Asks for each connection that stands whether the rules that `after` wants would carry it, both
/// ways, by the routes that the kernel takes now. \param after  Decided, as of now or of a moment
/// later.
[[nodiscard]] Cut foresee(const State& after);

/// What is printed before it is done; empty where nothing is cut.
[[nodiscard]] std::string describe(const Cut& cut);
/// "198.51.100.23:50122".
[[nodiscard]] std::string far_end(const OpenSocket& socket);
/// One line for each connection.
[[nodiscard]] std::string list(const Cut& cut);

}  // namespace ks::cli
