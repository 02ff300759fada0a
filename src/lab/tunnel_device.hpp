// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <string>

namespace ks::lab {

inline constexpr const char* kServerDevice = "tunserver";

/// A tun device that is up and has the two inner addresses (/24 and /64). It ends with the
/// descriptor.
[[nodiscard]] Result<Fd> make_tunnel_device(Node& node, const std::string& name,
                                            const IpAddress& inner4, const IpAddress& inner6);

}  // namespace ks::lab
