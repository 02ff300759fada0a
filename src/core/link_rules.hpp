// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

namespace ks {

void add_loopback(Draft& draft);
void add_dhcp(Draft& draft);
void add_neighbour_discovery(Draft& draft);

}  // namespace ks
