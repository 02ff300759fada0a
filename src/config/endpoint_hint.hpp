// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace ks {

/// What to write instead of `text`, which parse_endpoint() refused: the corrected line where it is
/// clear, else the forms that there are.
[[nodiscard]] std::string endpoint_hint(std::string_view text);

}  // namespace ks
