// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

namespace ks {

void add_endpoints(Draft& draft);
/// ICMP errors about the tunnel's outer packets: a path that takes only smaller ones.
void add_path_mtu(Draft& draft);
/// Packets to an endpoint that are not the tunnel's.
void add_endpoint_guard(Draft& draft);

}  // namespace ks
