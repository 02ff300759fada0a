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
/// What a reason means to who is refused, as a clause; of any other word that no rule lets it pass.
[[nodiscard]] std::string in_words(const std::string& reason);
/// The key of the config that a reason comes from, and its value there; empty where none is.
[[nodiscard]] std::string key_of(const std::string& reason, const Policy& policy);

}  // namespace ks
