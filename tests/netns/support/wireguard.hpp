// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../../../src/drills/vpn.hpp"

#include <memory>

namespace ks::test {

/// wireguard-go on both sides, set up by `wg` and routed like the lab's own tunnel. All endpoints
/// must have the same port: one server interface has one.
[[nodiscard]] std::unique_ptr<drills::Vpn> wireguard_go();

}  // namespace ks::test
