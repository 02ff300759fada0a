// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"

#include <string>
#include <vector>

namespace ks {

void refuse_dns(Draft& draft);
/// Everything that no rule before took, under the reason why; and the chain that answers.
void add_refusals(Draft& draft);
[[nodiscard]] std::vector<std::string> all_reasons();

}  // namespace ks
