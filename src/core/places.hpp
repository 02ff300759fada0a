// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/tunnels.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace ks {

/// Sets win over linear rules from about this many on (measured: 90 ns against 18 for each rule).
inline constexpr std::size_t kLinear = 5;

/// Some of the networks on some interfaces, as the first matches of a rule.
struct Place {
    std::vector<Match> matches;  ///< Interface, family, network; or family and set.
    std::string interface {};    ///< Empty when there are several.
};

/// All of `networks` (sorted) in as few places as the kernel can tell apart by hash: one for each
/// network while there are few, else one for each prefix length.
///
/// \param far   Where the network is: behind the interface that the packet leaves by, or came in
/// by. \param name  Begins the names of the sets, which are added to `draft`.
[[nodiscard]] std::vector<Place> places(Draft& draft, const std::vector<LinkNetwork>& networks,
                                        match::InSet::Far far, const std::string& name);

/// The interfaces of `networks` (sorted), as lists of matches likewise.
[[nodiscard]] std::vector<Match> interfaces(Draft& draft, const std::vector<LinkNetwork>& networks,
                                            match::InSet::Far far, const std::string& name);

/// What tells that a packet leaves by a tunnel (`destination`), or came in by it: all that is known
/// of its device.
[[nodiscard]] std::vector<Match> device_of(const LiveTunnel& tunnel, match::InSet::Far far);
/// Its name, or of one that is told by its group alone the group.
[[nodiscard]] std::string name_of(const LiveTunnel& tunnel);

/// Those of `networks` that are of `family`.
[[nodiscard]] std::vector<LinkNetwork> of_family(const std::vector<LinkNetwork>& networks,
                                                 IpFamily family);

}  // namespace ks
