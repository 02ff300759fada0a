// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace ks::proof {

/// `text` as text or as the value of an attribute of HTML and SVG, whatever it holds.
[[nodiscard]] std::string marked_up(std::string_view text);

}  // namespace ks::proof
