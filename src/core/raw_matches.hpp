// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/ruleset.hpp"
#include "killswitchd/surroundings.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace ks {

/// What becomes of a match of `output` at the device. A packet no longer has all that it had there.
enum class Fate : std::uint8_t {
    keep,
    device,  ///< It is about the interface: whoever knows the device decides.
    word,    ///< `output` has left word that it was true.
    forget,
    never,
};

/// The sender is no longer asked for because a socket may be closed before its last packet leaves;
/// connection tracking is forgotten because the kernel does not look at it here.
[[nodiscard]] Fate fate_of(const Match& match);

/// Whether a match looks into the transport header, which only the first fragment has.
[[nodiscard]] bool of_transport_header(const Match& match);

/// Whether packets of the interface called `name` leave by the uplink, which is below it.
[[nodiscard]] bool carries(const Uplink& uplink, const std::string& name);
/// Whether packets that `output` sees leave by such an interface may leave by the uplink.
[[nodiscard]] bool leaves_here(const Uplink& uplink, const match::OutInterface& out);

/// Whether the elements of such a set have the name of an interface.
[[nodiscard]] bool by_interface(const SetKey& key);

template <class T>
[[nodiscard]] bool has(const std::vector<Match>& matches) {
    return std::ranges::any_of(matches,
                               [](const Match& m) { return std::holds_alternative<T>(m); });
}

}  // namespace ks
