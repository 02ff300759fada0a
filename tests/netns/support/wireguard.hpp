// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../../../src/drills/vpn.hpp"
#include "nest.hpp"

#include <memory>
#include <string>

namespace ks::test {

/// wireguard-go on both sides, set up by `wg` and routed like the lab's own tunnel. All endpoints
/// must have the same port: one server interface has one.
/// \param server  The peer's name, for `wg`; empty: the endpoint's address.
[[nodiscard]] std::unique_ptr<drills::Vpn> wireguard_go(const std::string& server = {},
                                                        Nest nest = {});

}  // namespace ks::test
