// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/situation.hpp"

#include <string>
#include <vector>

namespace ks {

/// What on the links of this host may lead packets past the tunnel, one sentence each: routes that
/// a VPN client does not make itself, as a hostile network hands them out, and programs of XDP. It
/// opens nothing: what takes such a route is refused. None where there is no lock, and in a panic.
///
/// Normal are routes to private networks that hold neither a resolver nor an address of the tunnel,
/// to own networks, and to an endpoint alone, unless the network has set them.
[[nodiscard]] std::vector<std::string> ways_past(const Policy& policy, const Situation& situation,
                                                 const LinkTable& links);

}  // namespace ks
