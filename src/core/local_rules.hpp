// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

namespace ks {

void add_guests(Draft& draft);
void add_lan(Draft& draft);

}  // namespace ks
